"""MovieLens 100K from the original files or a wheel, and MovieLens 1M in the format of SASRec's authors."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.readers import SourceReader
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.recommender.histories import Histories

AGES = (18, 25, 35, 45, 50, 56)  # borders of the age groups that MovieLens 1M uses
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


class MovieLens100K(SourceReader):
    """Reader of 100,000 ratings of 943 users and 1,682 films, with titles, genres, and age, gender, job of users.

    It reads u.data, u.item and u.user, or the .inter, .item and .user files of RecBole's wheel; both have the same
    content hash.
    """

    def read(self, files: Resolved) -> Histories:
        """Read the histories from either format."""
        wheel = files.kind == "wheel"
        names = ("ml-100k.inter", "ml-100k.item", "ml-100k.user") if wheel else ("u.data", "u.item", "u.user")
        rows, films, people = (_rows(files.path(name), wheel, name) for name in names)
        users, items, ratings, times = (np.array(column) for column in zip(*rows, strict=True))
        histories = Histories.from_events(users, items, times.astype(np.float64), ratings.astype(np.float32))
        titles, genres = (_from_wheel if wheel else _from_original)(films)
        traits = {row[0]: (_age_group(int(row[1])), row[2], row[3]) for row in people}
        return replace(
            histories,
            titles=tuple(titles[item] for item in histories.item_ids),
            genres=tuple(genres[item] for item in histories.item_ids),
            traits=tuple(traits[user] for user in histories.user_ids),
        )

    def options(self) -> dict[str, Any]:
        """Return what the histories depend on besides the files."""
        return {"order": "by time, ties as in the file"}


class SasrecFile(SourceReader):
    """Reader of lines ``user item``, in time order for each user: the format of SASRec's authors."""

    def read(self, files: Resolved) -> Histories:
        """Read the histories; times are row numbers."""
        pairs = np.loadtxt(files.path(next(iter(self.source.files))), dtype=np.int64, ndmin=2)
        return Histories.from_events(pairs[:, 0].astype(str), pairs[:, 1].astype(str))

    def options(self) -> dict[str, Any]:
        """Return what the histories depend on besides the file."""
        return {"order": "as in the file"}


def _rows(path: Path, wheel: bool, name: str) -> list[list[str]]:
    """Return the cells of a file in either format."""
    text = path.read_text(encoding="utf-8" if wheel else "latin-1")
    lines = [line for line in text.split("\n") if line][1 if wheel else 0 :]
    mark = "\t" if wheel or name == "u.data" else "|"
    rows = [line.split(mark) for line in lines]
    if not rows or len({len(row) for row in rows}) != 1:
        raise UserError(f"{path} is truncated or changed: its lines have different numbers of columns. Delete it")
    return rows


def _from_original(films: list[list[str]]) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    titles = {row[0]: row[1].strip() for row in films}
    return titles, {row[0]: tuple(number for number, flag in enumerate(row[5:]) if flag == "1") for row in films}


def _from_wheel(films: list[list[str]]) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Return titles and genres; the wheel has the year in a column and another spelling of the one unknown film."""
    titles = {item: "unknown" if title == "unkonwn" else f"{title.strip()} ({year})" for item, title, year, _ in films}
    return titles, {row[0]: tuple(sorted(GENRES.index(word) for word in row[3].split())) for row in films}


def _age_group(age: int) -> str:
    return f"age group {int(np.searchsorted(AGES, age, side='right'))}"

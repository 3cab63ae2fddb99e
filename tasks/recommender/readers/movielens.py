"""MovieLens: the original 100K files, the same rows from a wheel, and 1M in the form of SASRec's authors."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.recommender.histories import Histories

AGES = (18, 25, 35, 45, 50, 56)  # borders of the age groups that MovieLens 1M uses
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


class MovieLens100K:
    """100,000 ratings of 943 users and 1,682 films, with titles, genres, and age, gender and occupation of users.

    Reads u.data, u.item and u.user, or the same from RecBole's wheel (.inter, .item, .user): one content hash.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find or fetch the files; raises UserError where that fails."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Histories:
        """The histories, in either form."""
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
        """What belongs in the provenance beside the files."""
        return {"order": "by time, ties as in the file"}


class SasrecFile:
    """Pairs ``user item``, one line each, a user's in time order: the form of SASRec's authors."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the file; raises UserError where that fails."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Histories:
        """The histories; the times are places in the file."""
        pairs = np.loadtxt(files.path(next(iter(self.source.files))), dtype=np.int64, ndmin=2)
        return Histories.from_events(pairs[:, 0].astype(str), pairs[:, 1].astype(str))

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance beside the file."""
        return {"order": "as in the file"}


def _rows(path: Path, wheel: bool, name: str) -> list[list[str]]:
    """The cells of a file in the one form or the other."""
    text = path.read_text(encoding="utf-8" if wheel else "latin-1")
    lines = [line for line in text.split("\n") if line][1 if wheel else 0 :]
    mark = "\t" if wheel or name == "u.data" else "|"
    rows = [line.split(mark) for line in lines]
    if not rows or len({len(row) for row in rows}) != 1:
        raise UserError(f"{path} is cut off or changed: its lines differ in their number of columns. Fetch it again.")
    return rows


def _from_original(films: list[list[str]]) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    titles = {row[0]: row[1].strip() for row in films}
    return titles, {row[0]: tuple(number for number, flag in enumerate(row[5:]) if flag == "1") for row in films}


def _from_wheel(films: list[list[str]]) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """The wheel keeps the year apart and spells the one unknown film in its own way."""
    titles = {item: "unknown" if title == "unkonwn" else f"{title.strip()} ({year})" for item, title, year, _ in films}
    return titles, {row[0]: tuple(sorted(GENRES.index(word) for word in row[3].split())) for row in films}


def _age_group(age: int) -> str:
    return f"age group {int(np.searchsorted(AGES, age, side='right'))}"

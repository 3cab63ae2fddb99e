"""A user's own interactions: CSV, parquet, or RecBole's atomic .inter."""

# N rows

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.files import sha256_of
from suite.data.source import Resolved
from suite.errors import UserError, did_you_mean
from tasks.recommender.histories import Histories, k_core

NAMES = {  # what columns are called where nothing is said; the first that the file has is taken
    "user": ("user", "user_id", "userId", "userid"),
    "item": ("item", "item_id", "itemId", "movieId", "itemid"),
    "time": ("time", "timestamp", "datetime", "date"),
    "rating": ("rating", "score", "stars"),
}
SEPARATORS = {".inter": "\t", ".tsv": "\t", ".csv": ","}


class InteractionTable:
    """Reader of one file with a row for every interaction.

    Args:
        path: FILE.csv, .tsv, .parquet, or .inter (tab-separated, ``name:type`` in the first line). Others by
            ``separator``.
        columns: for user, item, time and rating the name of the column, its number from 0, or None, which looks for
            the usual names. User and item are needed; without times the order of the file is the order of events.
        header: whether the first line names the columns; without, columns are given as numbers, 0 and 1 for user and
            item unless told.
        min_rating: rows rated lower are dropped, and counted in the provenance.
        min_events: users and items with fewer rows are dropped, until none is left (k-core).
        titles: FILE.csv with columns item and title, for people to read.

    Ids are any text. Lines are counted as an editor does, from 1; rows of parquet from 1.
    """

    def __init__(
        self,
        path: str,
        columns: Mapping[str, str | int | None],
        header: bool = True,
        separator: str | None = None,
        min_rating: float | None = None,
        min_events: int = 1,
        titles: str | None = None,
    ) -> None:
        self.path, self.columns, self.header, self.separator = Path(path), dict(columns), header, separator
        self.min_rating, self.min_events = min_rating, min_events
        self.titles = None if titles is None else Path(titles)
        if min_events < 1:
            raise UserError(f"data.min_events={min_events} must be at least 1")

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the files, relative to the working directory; raises UserError where one is missing."""
        paths = [path for path in (self.path, self.titles) if path is not None]
        for path in paths:
            if not path.is_file():
                raise UserError(
                    f"There is no file {path} (looked from {Path.cwd()}). Give its path, as in data.path=FILE."
                )
        hashes = {path.name: sha256_of(path) for path in paths}
        return Resolved("files", Path(data_dir), self.path.parent, "the user's own files", hashes)

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance beside the files."""
        order = (
            "by time, ties as in the file" if self.columns["time"] is not None else "by time where the file tells it"
        )
        return {"order": order, "min_rating": self.min_rating, "min_events": self.min_events}

    def read(self, files: Resolved) -> Histories:
        """Read it. Raises UserError with the file, the row and the column of what is wrong."""
        table, first = self._parquet() if self.path.suffix == ".parquet" else self._text()
        place = {kind: self._find(kind, list(table)) for kind in NAMES}
        ids = {kind: self._ids(table[str(place[kind])], kind, first) for kind in ("user", "item")}
        numbers = {
            kind: self._numbers(table[str(name)], str(name), first) if (name := place[kind]) is not None else None
            for kind in ("time", "rating")
        }
        keep, dropped = np.ones(len(ids["user"]), dtype=bool), {}
        if self.min_rating is not None:
            if numbers["rating"] is None:
                raise UserError(f"data.min_rating={self.min_rating} needs ratings, and {self.path} has no such column.")
            keep = numbers["rating"] >= self.min_rating
            dropped["low_ratings"] = int((~keep).sum())
        rows = np.flatnonzero(keep)
        core = k_core(ids["user"][rows], ids["item"][rows], self.min_events)
        dropped["outside_core"] = int((~core).sum())
        rows = rows[core]
        time, rating = (None if x is None else x[rows] for x in (numbers["time"], numbers["rating"]))
        made = Histories.from_events(ids["user"][rows], ids["item"][rows], time, rating, dropped)
        return replace(made, titles=self._titles(made.item_ids)) if self.titles else made

    def _text(self) -> tuple[dict[str, list[str]], int]:
        """Columns by name, and the number of the first line that holds data."""
        mark = self.separator or SEPARATORS.get(self.path.suffix)
        if mark is None:
            known = ", ".join([*SEPARATORS, ".parquet"])
            raise UserError(f"{self.path}: the ending tells no form; use one of {known}, or data.separator=CHARACTER")
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path} is not valid UTF-8 ({error.reason}). Save the file as UTF-8.") from error
        rows = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=mark)
            if mark == ","
            else [line.rstrip("\r").split(mark) for line in text.split("\n")]
        )
        while rows and rows[-1] in ([], [""]):
            rows.pop()
        names = [cell.split(":")[0].strip() for cell in rows[0]] if rows and self.header else []
        if not self.header and rows:
            names = [str(number) for number in range(len(rows[0]))]
        body, first = (rows[1:], 2) if self.header else (rows, 1)
        if not body:
            raise UserError(f"{self.path} holds no interactions.")
        for number, row in enumerate(body, start=first):
            if len(row) != len(names):
                raise UserError(f"{self.path}, row {number}: {len(row)} cells, and the first line has {len(names)}.")
        columns = zip(*body, strict=True)
        return {name: [cell.strip() for cell in column] for name, column in zip(names, columns, strict=True)}, first

    def _parquet(self) -> tuple[dict[str, list[Any]], int]:
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.parquet.read_table(self.path)
        except (pyarrow.ArrowException, OSError) as error:
            raise UserError(f"{self.path} is not a readable parquet file: {str(error).splitlines()[0]}") from error
        if table.num_rows == 0:
            raise UserError(f"{self.path} holds no interactions.")
        return {name: table[name].to_pylist() for name in table.column_names}, 1

    def _find(self, kind: str, names: list[str]) -> str | None:
        """The name of a column; None for one that is not needed and not there."""
        wanted = self.columns[kind]
        if wanted is None and not self.header:
            wanted = {"user": 0, "item": 1}.get(kind)
        if wanted is None:
            found = next((name for name in NAMES[kind] if name in names), None)
            if found is None and kind in ("user", "item"):
                raise UserError(
                    f"{self.path} has no column {NAMES[kind][0]!r}; its columns are {', '.join(names[:8])}. Name the "
                    f"right one with data.{kind}_column=NAME, or say data.header=false if the first line is data."
                )
            return found
        name = names[wanted] if isinstance(wanted, int) and wanted < len(names) else str(wanted)
        if name not in names:
            raise UserError(f"{self.path} has no column {wanted!r} (data.{kind}_column).{did_you_mean(name, names)}")
        return name

    def _ids(self, cells: list[Any], kind: str, first: int) -> np.ndarray:
        for number, cell in enumerate(cells, start=first):
            if cell is None or str(cell) == "":
                raise UserError(f"{self.path}, row {number}: no {kind}. Every interaction needs a user and an item.")
        return np.array([str(cell) for cell in cells])

    def _numbers(self, cells: list[Any], name: str, first: int) -> np.ndarray:
        """Numbers, or dates as seconds since 1970."""
        try:
            numbers = np.array(cells, dtype=np.float64)
        except (TypeError, ValueError):
            try:
                numbers = np.array(cells, dtype="datetime64[us]").astype(np.float64) / 1e6
            except (TypeError, ValueError):
                numbers = np.array([_number(cell) for cell in cells])
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            row = int(wrong[0])
            raise UserError(
                f"{self.path}, row {row + first}, column {name}: {cells[row]!r} is neither a number nor a date. "
                "Mend the row or remove it."
            )
        return numbers

    def _titles(self, item_ids: tuple[str, ...]) -> tuple[str, ...]:
        """The title of every item; its id where the file has none."""
        assert self.titles is not None
        rows = list(csv.DictReader(io.StringIO(self.titles.read_text(encoding="utf-8-sig"), newline="")))
        if rows and not {"item", "title"} <= set(rows[0]):
            raise UserError(f"{self.titles} needs the columns item and title, and has {', '.join(rows[0])}.")
        known = {row["item"]: row["title"] for row in rows}
        return tuple(known.get(item, item) for item in item_ids)


def _number(cell: Any) -> float:
    """A cell as a number; NaN where it is none, infinities kept."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")

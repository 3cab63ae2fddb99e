"""A user's own interactions from CSV, TSV, JSON Lines, parquet, or RecBole's .inter files."""

# N rows

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.own_files import own_files
from suite.data.readers import OwnFileReader
from suite.data.source import Resolved
from suite.data.tables import Table, TableFormat, read_table
from suite.errors import UserError, check_at_least, did_you_mean
from tasks.recommender.histories import Histories, k_core

NAMES = {  # usual names of the columns; the first that exists is used if the config names none
    "user": ("user", "user_id", "userId", "userid"),
    "item": ("item", "item_id", "itemId", "movieId", "itemid"),
    "time": ("time", "timestamp", "datetime", "date"),
    "rating": ("rating", "score", "stars"),
}


class InteractionTable(OwnFileReader):
    """Reader of a file with one row for each interaction.

    Args:
        path: FILE.csv, .tsv, .jsonl, .parquet, or .inter (tab-separated, with ``name:type`` in the first line); a file
            of any other ending needs ``separator``.
        user_column, item_column, time_column, rating_column: name of the column, its number from 0, or None to look
            for the usual names. User and item are required; without times, events are in the order of the file.
        header: whether the first line names the columns. If not, columns are numbers, and the defaults of user and
            item are 0 and 1.
        separator: between cells; None uses a comma for .csv and a tab for .tsv and .inter.
        min_rating: rows with a lower rating are removed and counted in the provenance.
        min_events: users and items with fewer rows are removed until none is left (k-core).
        titles: table with the columns item and title; None if there is none.

    Raises:
        UserError: if ``min_events`` is less than 1.
    """

    def __init__(
        self,
        path: str,
        user_column: str | int | None,
        item_column: str | int | None,
        time_column: str | int | None,
        rating_column: str | int | None,
        header: bool,
        separator: str | None,
        min_rating: float | None,
        min_events: int,
        titles: str | None,
    ) -> None:
        super().__init__(path)
        check_at_least(1, "data.min_events", min_events)
        self.columns = {"user": user_column, "item": item_column, "time": time_column, "rating": rating_column}
        self.header, self.separator = header, separator
        self.min_rating, self.min_events = min_rating, min_events
        self.titles = None if titles is None else Path(titles)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Hash the files. Raises UserError for a file that does not exist."""
        if self.titles is None:
            return own_files(data_dir, self.path)
        own_files(data_dir, self.titles, key="data.titles")
        return own_files(data_dir, self.path, self.titles)

    def options(self) -> dict[str, Any]:
        """Return what the histories depend on besides the files."""
        given = self.columns["time"] is not None
        order = "by time, ties as in the file" if given else "by time if the file has times"
        return {"order": order, "min_rating": self.min_rating, "min_events": self.min_events}

    def read(self, files: Resolved) -> Histories:
        """Read the file. Raises UserError, naming file, row and column, for what cannot be read."""
        table = self._table()
        users, items = (self._ids(table, kind) for kind in ("user", "item"))
        time, rating = (self._find(table, kind) for kind in ("time", "rating"))
        times = None if time is None else table.times(time, "data.time_column")
        ratings = None if rating is None else table.floats(rating, "data.rating_column")
        keep, dropped = np.ones(len(table), dtype=bool), {}
        if self.min_rating is not None:
            if ratings is None:
                raise UserError(f"data.min_rating={self.min_rating} needs ratings; {self.path} has no rating column")
            keep = ratings >= self.min_rating
            dropped["low_ratings"] = int((~keep).sum())
        rows = np.flatnonzero(keep)
        core = k_core(users[rows], items[rows], self.min_events)
        dropped["outside_core"] = int((~core).sum())
        rows = rows[core]
        times, ratings = (None if numbers is None else numbers[rows] for numbers in (times, ratings))
        histories = Histories.from_events(users[rows], items[rows], times, ratings, dropped)
        return replace(histories, titles=self._titles(histories.item_ids)) if self.titles else histories

    def _table(self) -> Table:
        """Return the rows of the file; types such as ``:token`` of .inter are not part of the column names."""
        atomic = self.path.suffix.lower() == ".inter"
        separator = "\t" if self.separator is None and atomic else self.separator
        quotes = separator in (None, ",", ";") and self.path.suffix.lower() != ".tsv"
        form = TableFormat(delimiter=separator, header=self.header, quotes=quotes)
        table = read_table(self.path, form)
        if not len(table):
            raise UserError(f"{self.path} has no interactions")
        return replace(table, columns={name.split(":")[0].strip(): cells for name, cells in table.columns.items()})

    def _find(self, table: Table, kind: str) -> str | None:
        """Return the name of a column; None if the column is optional and missing."""
        names = list(table.columns)
        wanted = self.columns[kind]
        if wanted is None and not self.header:
            wanted = {"user": 0, "item": 1}.get(kind)
        if wanted is None:
            found = next((name for name in NAMES[kind] if name in names), None)
            if found is None and kind in ("user", "item"):
                raise UserError(
                    f"{self.path} has no column {NAMES[kind][0]!r}; its columns are {', '.join(names[:8])}. Set "
                    f"data.{kind}_column=NAME, or data.header=false if the first line is data"
                )
            return found
        name = names[wanted] if isinstance(wanted, int) and wanted < len(names) else str(wanted)
        if name not in names:
            raise UserError(f"{self.path} has no column {wanted!r} (data.{kind}_column).{did_you_mean(name, names)}")
        return name

    def _ids(self, table: Table, kind: str) -> np.ndarray:
        """Return a column of ids as text, (N,)."""
        name = str(self._find(table, kind))
        ids = table.texts(name, f"data.{kind}_column")
        if "" in ids:
            place = table.place(ids.index(""), name)
            raise UserError(f"{place}: no {kind}; each interaction needs a user and an item")
        return np.array(ids)

    def _titles(self, item_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Return the title of each item; its id if the file has no title."""
        assert self.titles is not None
        table = read_table(self.titles)
        if not {"item", "title"} <= set(table.columns):
            raise UserError(f"{self.titles} needs the columns item and title; it has {', '.join(table.columns)}")
        titles = dict(zip(*(table.texts(name, "data.titles") for name in ("item", "title")), strict=True))
        return tuple(titles.get(item, item) for item in item_ids)

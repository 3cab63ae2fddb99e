"""Rows of CSV, TSV, JSON and parquet files; every message names the file, the row and the column.

``read_rows`` streams rows, ``read_table`` returns all columns in memory. The ending of the file name selects the form,
in any case: ``.csv``, ``.tsv``, ``.jsonl``, ``.json`` (each also with ``.gz``) and ``.parquet``.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.data.cells import as_numbers, as_text, as_times
from suite.data.delimited import TableFormat, split_rows
from suite.data.text_files import decode_lines, lines, read_bytes
from suite.errors import UserError, did_you_mean

__all__ = ["Row", "Table", "TableFormat", "delimited_rows", "jsonl_rows", "parquet_rows", "read_rows", "read_table"]

logger = logging.getLogger(__name__)

ENDINGS = (*(ending + gz for ending in (".csv", ".tsv", ".jsonl", ".json") for gz in ("", ".gz")), ".parquet")
INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__")  # names that pandas gives to a column of row numbers


class Row(NamedTuple):
    """One row: its cells by column, and its place in the file."""

    cells: Mapping[str, Any]
    path: Path | str
    number: int
    unit: str = "line"  # or row, in parquet; item, in a JSON array

    @property
    def place(self) -> str:
        """File and row for messages: ``reviews.csv, line 3``. A row of several lines has the number of its first."""
        return f"{self.path}, {self.unit} {self.number}"

    def text(self, column: str, option: str) -> str:
        """Return a cell as text, see ``suite.data.cells.as_text``.

        ``option`` is the config key that names the column, for example ``data.text_column``. Raises UserError for a
        column that does not exist, and for a cell without a value (null).
        """
        if column not in self.cells:
            raise UserError(_no_column(self.place, column, self.cells, option))
        return as_text(self.cells[column], f"{self.place}, column {column}")


@dataclass(frozen=True)
class Table:
    """All rows of a file, by column. ``numbers`` are those of the rows in the file."""

    path: Path
    columns: Mapping[str, Sequence[Any]]
    numbers: Sequence[int]
    unit: str = "line"
    _used: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, index: int, column: str | None = None) -> str:
        """File, row and column for messages: ``nodes.csv, line 3, column age``; ``index`` counts rows from 0."""
        return f"{self.path}, {self.unit} {self.numbers[index]}" + ("" if column is None else f", column {column}")

    def column(self, name: str, option: str) -> Sequence[Any]:
        """Return the cells of a column; raises UserError, naming the key ``option``, if there is no such column."""
        if name not in self.columns:
            raise UserError(_no_column(str(self.path), name, self.columns, option))
        self._used.add(name)
        return self.columns[name]

    def texts(self, name: str, option: str) -> list[str]:
        """Return a column as text. Raises UserError with file and row for a cell without a value."""
        cells = self.column(name, option)
        return [as_text(cell, self.place(index, name)) for index, cell in enumerate(cells)]

    def floats(self, name: str, option: str, allow_missing: bool = False) -> np.ndarray:
        """Return a column as float64 (N,), see ``suite.data.cells.as_numbers``."""
        return as_numbers(self.column(name, option), lambda index: self.place(index, name), allow_missing)

    def times(self, name: str, option: str) -> np.ndarray:
        """Return a column of times as float64 seconds (N,), see ``suite.data.cells.as_times``."""
        return as_times(self.column(name, option), lambda index: self.place(index, name))

    def report_unused(self) -> None:
        """Log the columns that nobody asked for, so that a misspelt name is seen."""
        if unused := [name for name in self.columns if name not in self._used]:
            logger.warning("%s: columns that are not used: %s", self.path, ", ".join(unused))


def read_rows(path: Path, form: TableFormat | None = None) -> Iterator[Row]:
    """Yield the rows of a table in order. Raises UserError with file and row for what cannot be read."""
    form = form or TableFormat()
    ending = _ending(path, form)
    if ending in (".json", ".jsonl"):
        return jsonl_rows(path, form.encoding)
    return parquet_rows(path) if ending == ".parquet" else delimited_rows(path, read_bytes(path), form)


def read_table(path: Path, form: TableFormat | None = None) -> Table:
    """Return all rows of a table by column; a cell that a row of JSON Lines does not have is None.

    A column without a name that numbers the rows, as pandas writes its index, is left out with a warning. Raises
    UserError with file and row for what cannot be read, and for a file without a header.
    """
    form = form or TableFormat()
    ending = _ending(path, form)
    if ending in (".csv", ".tsv"):
        names, body = split_rows(str(path), decode_lines(read_bytes(path), str(path), form.encoding), form, ending)
        numbers: list[int] = []
        columns: list[list[Any]] = [[] for _ in names]
        for number, cells in body:
            numbers.append(number)
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
        table = Table(path, dict(_named(path, names, columns)), numbers)
    else:
        rows = list(read_rows(path, form))
        names = list(dict.fromkeys(name for row in rows for name in row.cells)) or _parquet_columns(path, ending)
        found = [[row.cells.get(name) for row in rows] for name in names]
        unit = rows[0].unit if rows else "line"
        table = Table(path, dict(_named(path, names, found)), [row.number for row in rows], unit)
    return table


def delimited_rows(path: Path, content: bytes, form: TableFormat) -> Iterator[Row]:
    """Yield the rows of CSV or TSV from the ``content`` of the file ``path``, which may be inside an archive."""
    text = decode_lines(content, str(path), form.encoding)
    names, body = split_rows(str(path), text, form, _ending(path, form))
    return (Row(dict(zip(names, cells, strict=True)), path, number) for number, cells in body)


def jsonl_rows(path: Path, encoding: str = "utf-8") -> Iterator[Row]:
    """Yield the objects of JSON Lines, one on each line, or of one JSON array of objects; blank lines are skipped."""
    for place, (number, line) in enumerate(lines(path, encoding)):
        if place == 0 and line.lstrip().startswith("["):
            yield from _array_rows(path, encoding)
            return
        try:
            cells = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise UserError(
                f"{path}, line {number}: not JSON ({_json_reason(error)}); write one object on each line"
            ) from error
        yield Row(_object(cells, f"{path}, line {number}"), path, number)


def _array_rows(path: Path, encoding: str) -> Iterator[Row]:
    try:
        items = json.loads(decode_lines(read_bytes(path), str(path), encoding))
    except (json.JSONDecodeError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(
            f"{path}{line}: not JSON ({_json_reason(error)}); write an array of objects, or one object on each line"
        ) from error
    for number, item in enumerate(items, start=1):
        yield Row(_object(item, f"{path}, item {number}"), path, number, "item")


def _object(cells: Any, place: str) -> dict[str, Any]:
    if not isinstance(cells, dict):
        raise UserError(f'{place}: expected a JSON object such as {{"text": "..."}}')
    return cells


def _json_reason(error: Exception) -> str:
    return f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else "nested too deeply"


def parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a parquet file, numbered from 1."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            rows = (cells for batch in table.iter_batches() for cells in batch.to_pylist())
            for number, cells in enumerate(rows, start=1):
                yield Row(cells, path, number, "row")
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read as parquet: {str(error).splitlines()[0]}") from error


def _named(path: Path, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the columns by name without those that number the rows."""
    for name, column in zip(names, columns, strict=True):
        if not INDEX.fullmatch(name):
            yield name, column
        else:
            logger.warning("%s: the column %r has no name and is not used", path, name)


def _ending(path: Path, form: TableFormat) -> str:
    name = path.name.lower()
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), None)
    if ending is not None:
        return ending.removesuffix(".gz")
    if form.delimiter is not None:
        return ".csv"
    raise UserError(
        f"{path} ends in none of {', '.join(ENDINGS)}; the ending says how a table is read. Rename the file, or give "
        "the separator of its cells"
    )


def _parquet_columns(path: Path, ending: str) -> list[str]:
    if ending != ".parquet":
        return []
    import pyarrow.parquet

    names: list[str] = pyarrow.parquet.read_schema(path).names
    return names


def _no_column(place: str, name: str, names: Iterable[str], option: str) -> str:
    return f"{place}: there is no column {name!r}.{did_you_mean(name, map(str, names))} Set {option}=COLUMN"

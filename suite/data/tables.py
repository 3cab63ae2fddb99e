"""Rows of CSV, TSV, JSON Lines and parquet files; every message names the file, the row and the column.

``read_rows`` streams rows, ``read_table`` returns all columns in memory. The ending of the file name selects the form,
in any case: ``.csv``, ``.tsv``, ``.jsonl`` (each also with ``.gz``) and ``.parquet``.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from suite.data.text_files import decode_lines, lines, read_bytes
from suite.errors import UserError, did_you_mean

DELIMITERS = {".csv": ",", ".tsv": "\t"}
ENDINGS = (".csv", ".tsv", ".jsonl", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".parquet")


@dataclass(frozen=True)
class TableFormat:
    """How a text table is written. JSON Lines and parquet need none of it, apart from the encoding.

    Args:
        delimiter: between cells. None uses a comma for .csv and a tab for .tsv; with another value, a file of any
            other ending is read as a delimited table too.
        encoding: of text files; a byte order mark of UTF-8 is skipped.
        header: whether the first row names the columns. Without it, they are named "0", "1", ...
        quotes: whether cells may be quoted, as in RFC 4180. If not, a row is split at each delimiter, which may then
            have several characters.
        strip: whether blanks around cells are removed. Blanks around column names always are.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"
    header: bool = True
    quotes: bool = True
    strip: bool = False


class Row(NamedTuple):
    """One row: its cells by column, and its place in the file."""

    cells: Mapping[str, Any]
    path: Path | str
    number: int
    unit: str = "line"  # or row, in parquet

    @property
    def place(self) -> str:
        """File and row for messages: ``reviews.csv, line 3``. A row of several lines has the number of its first."""
        return f"{self.path}, {self.unit} {self.number}"

    def text(self, column: str, option: str) -> str:
        """Return a cell as text; a whole number of type float is written without a point.

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

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, index: int, column: str | None = None) -> str:
        """File, row and column for messages: ``nodes.csv, line 3, column age``; ``index`` counts rows from 0."""
        return f"{self.path}, {self.unit} {self.numbers[index]}" + ("" if column is None else f", column {column}")

    def column(self, name: str, option: str) -> Sequence[Any]:
        """Return the cells of a column; raises UserError, naming the key ``option``, if there is no such column."""
        if name not in self.columns:
            raise UserError(_no_column(str(self.path), name, self.columns, option))
        return self.columns[name]


def read_rows(path: Path, form: TableFormat | None = None) -> Iterator[Row]:
    """Yield the rows of a table in order. Raises UserError with file and row for what cannot be read."""
    form = form or TableFormat()
    kind = _kind(path, form)
    if kind == ".jsonl":
        return jsonl_rows(path, form.encoding)
    return parquet_rows(path) if kind == ".parquet" else delimited_rows(path, read_bytes(path), form)


def read_table(path: Path, form: TableFormat | None = None) -> Table:
    """Return all rows of a table by column; a cell that a row of JSON Lines does not have is None.

    Raises UserError with file and row for what cannot be read, and for a file without a header.
    """
    form = form or TableFormat()
    kind = _kind(path, form)
    if kind == ".parquet":
        rows = list(parquet_rows(path))
        names: Sequence[str] = _parquet_columns(path)
        return Table(path, {n: [row.cells[n] for row in rows] for n in names}, [row.number for row in rows], "row")
    if kind == ".jsonl":
        rows = list(jsonl_rows(path, form.encoding))
        names = list(dict.fromkeys(name for row in rows for name in row.cells))
        return Table(path, {n: [row.cells.get(n) for row in rows] for n in names}, [row.number for row in rows])
    names, body = _split_cells(path, read_bytes(path), form)
    numbers: list[int] = []
    columns: dict[str, list[str]] = {name: [] for name in names}
    for number, cells in body:
        numbers.append(number)
        for column, cell in zip(columns.values(), cells, strict=True):
            column.append(cell)
    return Table(path, columns, numbers)


def delimited_rows(path: Path, content: bytes, form: TableFormat) -> Iterator[Row]:
    """Yield the rows of CSV or TSV from the ``content`` of the file ``path``, which may be inside an archive."""
    names, body = _split_cells(path, content, form)
    return (Row(dict(zip(names, cells, strict=True)), path, number) for number, cells in body)


def jsonl_rows(path: Path, encoding: str = "utf-8") -> Iterator[Row]:
    """Yield the objects of JSON Lines, one on each line; blank lines are skipped."""
    for number, line in lines(path, encoding):
        try:
            cells = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{path}, line {number}: not JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(cells, dict):
            raise UserError(f'{path}, line {number}: expected a JSON object such as {{"text": "..."}}')
        yield Row(cells, path, number)


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


def as_text(cell: Any, place: str) -> str:
    """Return a cell as text: 4.0 becomes "4". Raises UserError for a cell without a value."""
    if cell is None:
        raise UserError(f'{place}: no value; write "" for an empty text')
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def as_number(cell: Any, place: str) -> float:
    """Return a cell as a finite number. Raises UserError with ``place`` for any other value.

    >>> as_number("4,5", "nodes.csv, line 3, column age")
    Traceback (most recent call last):
    suite.errors.UserError: nodes.csv, line 3, column age: '4,5' is not a finite number
    """
    try:
        number = float(cell)
    except (TypeError, ValueError):
        number = float("nan")
    if number - number != 0:
        raise UserError(f"{place}: {cell!r} is not a finite number")
    return number


def _kind(path: Path, form: TableFormat) -> str:
    name = path.name.lower()
    kind = next((ending for ending in ENDINGS if name.endswith(ending)), None)
    if kind is not None:
        return kind.removesuffix(".gz")
    if form.delimiter is not None:
        return ".csv"
    raise UserError(f"{path} ends in none of {', '.join(ENDINGS)}; the ending says how a table is read")


def _split_cells(path: Path, content: bytes, form: TableFormat) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the column names, and an iterator over number and cells of the rows."""
    delimiter = form.delimiter or DELIMITERS[_kind(path, form)]
    text = decode_lines(content, str(path), form.encoding)
    rows = _quoted(path, text, delimiter) if form.quotes else _unquoted(text, delimiter)
    first = next(rows, None)
    if first is None:
        raise UserError(f"{path} is empty" + ("; its first line names the columns" if form.header else ""))
    names = [name.strip() for name in first[1]] if form.header else [str(place) for place in range(len(first[1]))]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path}, line {first[0]}: {names.count(name)} columns are named {name!r}; rename them")
    return names, _checked(path, rows if form.header else _chain(first, rows), names, form, delimiter)


def _checked(
    path: Path, rows: Iterable[tuple[int, list[str]]], names: list[str], form: TableFormat, delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        if len(cells) != len(names):
            raise UserError(
                f"{path}, line {number}: {len(cells)} cells, and the first line has {len(names)} "
                f"(delimiter {delimiter!r}, encoding {form.encoding})"
            )
        yield number, [cell.strip() for cell in cells] if form.strip else cells


def _chain(first: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rows


def _quoted(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1  # line on which the row begins; a quoted cell may hold line breaks
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {start}: {error} (delimiter {delimiter!r})") from error


def _unquoted(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if row := line.removesuffix("\r"):
            yield number, row.split(delimiter)


def _parquet_columns(path: Path) -> list[str]:
    import pyarrow.parquet

    names: list[str] = pyarrow.parquet.read_schema(path).names
    return names


def _no_column(place: str, name: str, names: Iterable[str], option: str) -> str:
    return f"{place}: there is no column {name!r}.{did_you_mean(name, map(str, names))} Set {option}=COLUMN"

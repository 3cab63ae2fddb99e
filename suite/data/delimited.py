"""Rows of text tables: CSV, TSV, and files with another delimiter."""

import csv
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from suite.errors import UserError

logger = logging.getLogger(__name__)

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
LONGEST_CELL = 1 << 28  # characters; the default of the csv module, 131072, is less than a long document

NumberedRow = tuple[int, list[str]]  # line on which the row begins, from 1, and its cells


@dataclass(frozen=True)
class TableFormat:
    r"""How a text table is written. JSON Lines and parquet need none of it, apart from the encoding.

    Args:
        delimiter: between cells; ``"\t"`` is a tab, also as two characters. None finds it: a tab for .tsv, else a
            comma, or, if the first line has no comma, a semicolon, a tab or a bar. With a delimiter, a file of any
            ending is read as a delimited table.
        encoding: of text files; a byte order mark of UTF-8 is skipped.
        header: whether the first row names the columns. Without it, they are named "0", "1", ...
        quotes: whether cells may be quoted, as in RFC 4180. If not, a row is split at each delimiter, which may then
            have several characters.

    Blanks around cells are removed.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"
    header: bool = True
    quotes: bool = True

    def __post_init__(self) -> None:
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", self.delimiter.replace("\\t", "\t"))
        if self.delimiter == "" or (self.quotes and self.delimiter in ('"', "\n", "\r")):
            raise UserError(f"the separator {self.delimiter!r} cannot separate cells; use for example ',' or ';'")


def split_rows(name: str, text: str, form: TableFormat, ending: str) -> tuple[list[str], Iterator[NumberedRow]]:
    """Return the column names, and an iterator over the rows of the file ``name``.

    Raises UserError with the line for a row of another length, for a quote that is never closed, and for two columns of
    one name.
    """
    delimiter = form.delimiter or ("\t" if ending == ".tsv" else find_delimiter(name, text))
    quoted = form.quotes and len(delimiter) == 1
    rows = _quoted(name, text, delimiter) if quoted else _unquoted(text, delimiter)
    first = next(rows, None)
    if first is None:
        raise UserError(f"{name} is empty" + ("; its first line names the columns" if form.header else ""))
    columns = [cell.strip() for cell in first[1]] if form.header else [str(place) for place in range(len(first[1]))]
    for column in columns:
        if column and columns.count(column) > 1:
            raise UserError(
                f"{name}, line {first[0]}: {columns.count(column)} columns are named {column!r}; rename them"
            )
    return columns, _checked(name, rows if form.header else _chain(first, rows), len(columns), form, delimiter)


def find_delimiter(name: str, text: str) -> str:
    """Return the delimiter of the first line: a comma, or if it has none, the most frequent of the others.

    >>> find_delimiter("table.csv", "text;label\\na, b;good\\n")
    ';'
    """
    line = text.partition("\n")[0]
    counts = {kind: line.count(mark) for kind, mark in DELIMITERS.items()}
    kind = "comma" if counts["comma"] else max(counts, key=lambda one: counts[one])
    if counts[kind] and kind != "comma":
        logger.warning(
            "%s: the first line has no comma, so its %d cells are read as separated by a %s",
            name,
            counts[kind] + 1,
            kind,
        )
    return DELIMITERS[kind]


def _checked(
    name: str, rows: Iterator[NumberedRow], width: int, form: TableFormat, delimiter: str
) -> Iterator[NumberedRow]:
    for number, cells in rows:
        if len(cells) != width:
            raise UserError(
                f"{name}, line {number}: {len(cells)} cells, and the first line has {width} "
                f"(separator {delimiter!r}, encoding {form.encoding})"
            )
        yield number, [cell.strip() for cell in cells]


def _chain(first: NumberedRow, rows: Iterator[NumberedRow]) -> Iterator[NumberedRow]:
    yield first
    yield from rows


def _quoted(name: str, text: str, delimiter: str) -> Iterator[NumberedRow]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1  # line on which the row begins; a quoted cell may hold line breaks
    try:
        for cells in reader:
            if any(cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error) or "field larger" in str(error):
            raise UserError(f"{name}, line {start}: a quote is opened and never closed") from error
        raise UserError(
            f"{name}, line {start}: a quote ends before its cell ends ({error}); inside a quoted cell, "
            "write a quote twice"
        ) from error


def _unquoted(text: str, delimiter: str) -> Iterator[NumberedRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if (row := line.removesuffix("\r")).strip():
            yield number, row.split(delimiter)

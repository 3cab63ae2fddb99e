"""One labelled text as a file holds it, and the ways to read files into such records."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from suite.errors import UserError, did_you_mean

Row = tuple[str, dict[str, Any]]  # where it stands, for messages; its fields


class Record(NamedTuple):
    """A text with its label; ``part`` is train, val, test, or empty where the file does not say.

    ``group`` names what a validation split should not tear apart, such as the movie a review is of; empty for none.
    """

    text: str
    label: str
    place: str
    part: str = ""
    group: str = ""


def rows(path: Path) -> Iterator[Row]:
    """The rows of a .csv, .tsv, .jsonl (or .jsonl.gz) or .parquet, with their place. Raises UserError."""
    suffix = "".join(path.suffixes[-2:]).removesuffix(".gz")
    readers = {".csv": csv_rows, ".tsv": tsv_rows, ".jsonl": jsonl_rows, ".parquet": parquet_rows}
    kind = next((kind for kind in readers if suffix.endswith(kind)), None)
    if kind is None:
        raise UserError(f"{path} is none of {', '.join(readers)}; the ending says how a file is read")
    return readers[kind](path)


def decode(line: bytes, place: str) -> str:
    """A line as text; raises UserError where it is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{place}: not valid UTF-8 (byte {error.start + 1}, {error.reason}). Save the file as UTF-8"
        ) from error


def lines(path: Path) -> Iterator[tuple[str, str]]:
    r"""Place and text of every line that is not empty; lines end at ``\n`` alone, for U+0085 may stand inside one."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            place = f"{path}, line {number}"
            text = decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, place).rstrip("\r\n")
            if text.strip():
                yield place, text


def jsonl_rows(path: Path) -> Iterator[Row]:
    """JSON Lines: an object a line."""
    for place, line in lines(path):
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{place}: not JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(fields, dict):
            raise UserError(f'{place}: a JSON object such as {{"text": "...", "label": "..."}} is expected')
        yield place, fields


def csv_rows(path: Path, content: bytes | None = None, delimiter: str = ",") -> Iterator[Row]:
    """A table whose first line names the columns; a cell may hold line breaks. Lines are counted as an editor does."""
    content = path.read_bytes() if content is None else content
    for number, line in enumerate(content.split(b"\n"), start=1):
        decode(line, f"{path}, line {number}")  # line by line, to name the one that is wrong
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not header:
                header = [name.strip() for name in cells]
            elif cells:
                place = f"{path}, line {reader.line_num}"
                if len(cells) != len(header):
                    raise UserError(f"{place}: {len(cells)} cells, and the first line names {len(header)} columns")
                yield place, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}") from error


def tsv_rows(path: Path) -> Iterator[Row]:
    """The same with tabs for commas."""
    return csv_rows(path, delimiter="\t")


def parquet_rows(path: Path) -> Iterator[Row]:
    """A parquet table; rows are counted from 1."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            number = 0
            for batch in table.iter_batches():
                for fields in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", fields
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read as parquet: {str(error).splitlines()[0]}") from error


def field(row: Mapping[str, Any], name: str, place: str, option: str) -> str:
    """One field of a row as text; raises UserError where the column or its value is missing."""
    if name not in row:
        near = did_you_mean(name, map(str, row))
        raise UserError(f"{place}: there is no column {name!r}.{near} Name it with {option}=COLUMN")
    if row[name] is None:
        raise UserError(f'{place}: the column {name!r} has no value; an empty text is "", and a label has a name')
    value = row[name]
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def named(records: Iterable[Record]) -> Iterator[Record]:
    """The same records; raises UserError for an empty label or a part that is no part."""
    for record in records:
        if not record.label.strip():
            raise UserError(f"{record.place}: the label is empty; give the row a label or remove it")
        if record.part not in ("", "train", "val", "test"):
            raise UserError(f"{record.place}: the split {record.part!r} is none of train, val, test")
        yield record

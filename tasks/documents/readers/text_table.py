"""A user's own table of labelled texts."""

from collections.abc import Iterator
from typing import Any, ClassVar

from suite.data.readers import OwnFileReader
from suite.data.source import Resolved
from suite.data.splits import parse_split
from suite.data.tables import read_rows
from suite.errors import UserError
from tasks.documents.labelled_text import LabelledText


class TextTable(OwnFileReader):
    """A .csv, .tsv, .jsonl or .parquet file with a column of texts and a column of labels.

    Args:
        path: of the file, relative to the working directory.
        text_column: of the texts.
        label_column: of the labels.
        split_column: of train, val and test; None if the file states no split.
    """

    name: ClassVar[str] = "own"

    def __init__(self, path: str, text_column: str, label_column: str, split_column: str | None) -> None:
        super().__init__(path)
        self.text_column = text_column
        self.label_column = label_column
        self.split_column = split_column

    def read(self, files: Resolved) -> Iterator[LabelledText]:
        """Yield the rows in order. Raises UserError with file and row for a missing column, label or split."""
        for row in read_rows(self.path):
            text = row.text(self.text_column, "data.text_column")
            label = row.text(self.label_column, "data.label_column")
            if not label:
                raise UserError(f"{row.place}: the label is empty; add a label, or remove the row")
            split = "" if self.split_column is None else row.text(self.split_column, "data.split_column")
            yield LabelledText(text, label, row.place, parse_split(split, row.place))

    def options(self) -> dict[str, Any]:
        return {"columns": f"{self.text_column},{self.label_column},{self.split_column}"}

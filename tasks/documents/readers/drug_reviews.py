"""A sample of the drug review data set (Graesser et al. 2018)."""

import html
import zipfile
from collections.abc import Iterator
from typing import ClassVar

from suite.data.readers import SourceReader
from suite.data.source import Resolved
from suite.data.tables import TableFormat, delimited_rows
from tasks.documents.labelled_text import LabelledText

MEMBERS = {"train": "drugsComTrain.tsv", "test": "drugsComTest.tsv"}


class DrugReviews(SourceReader):
    """Reviews of drugs in three classes; two tables with tabs inside one zip archive.

    Args:
        source: of the archive.
    """

    name: ClassVar[str] = "drug_reviews"

    def read(self, files: Resolved) -> Iterator[LabelledText]:
        """Yield the reviews in the split of the archive."""
        path = files.path("drugsCom.zip")
        with zipfile.ZipFile(path) as archive:
            for split, member in MEMBERS.items():
                for row in delimited_rows(path / member, archive.read(member), TableFormat(delimiter="\t")):
                    text = html.unescape(row.cells["review"]).strip('"')
                    yield LabelledText(text, row.cells["rating"], row.place, split)

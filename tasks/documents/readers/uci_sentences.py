"""The UCI sentiment sentences (Kotzias et al. 2015)."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from suite.data.readers import SourceReader
from suite.data.source import Resolved, Source
from suite.data.text_files import lines
from suite.errors import UserError
from tasks.documents.labelled_text import LabelledText

FILES = {
    "amazon": "amazon_cells_labelled.txt",
    "imdb": "imdb_labelled.txt",
    "yelp": "yelp_labelled.txt",
}


class UciSentences(SourceReader):
    """Sentences from reviews, one on each line: ``text TAB label``.

    Args:
        source: of the three files.
        sites: which of amazon, imdb and yelp are read.

    Raises UserError for another site and for no site.
    """

    name: ClassVar[str] = "uci_sentences"

    def __init__(self, source: Source, sites: Sequence[str]) -> None:
        super().__init__(source)
        if not sites or not set(sites) <= set(FILES):
            raise UserError(f"data.sites must be some of {', '.join(FILES)}, got {list(sites)}")
        self.sites = sorted(set(sites))

    def read(self, files: Resolved) -> Iterator[LabelledText]:
        """Yield the sentences, one site after the other. Raises UserError for a line of another form."""
        for site in self.sites:
            path = files.path(FILES[site])
            for number, line in lines(path):
                text, tab, label = line.rpartition("\t")
                place = f"{path}, line {number}"
                if not tab or label not in ("0", "1"):
                    raise UserError(f"{place}: expected TEXT, a tab, and 0 or 1")
                yield LabelledText(text, {"0": "negative", "1": "positive"}[label], place)

    def options(self) -> dict[str, Any]:
        return {"sites": ",".join(self.sites)}

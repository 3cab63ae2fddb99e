"""The multi-domain sentiment data set (Blitzer et al. 2007) as JSON Lines."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from suite.data.readers import SourceReader
from suite.data.source import Resolved, Source
from suite.data.tables import jsonl_rows
from suite.errors import UserError
from tasks.documents.labelled_text import LabelledText


class Multidomain(SourceReader):
    """Product reviews of four domains; one JSON object with domain, label, title and text on each line.

    Args:
        source: of the file.
        domains: which domains are read; None for all.
    """

    name: ClassVar[str] = "multidomain"

    def __init__(self, source: Source, domains: Sequence[str] | None) -> None:
        super().__init__(source)
        self.domains = None if domains is None else sorted(set(domains))

    def read(self, files: Resolved) -> Iterator[LabelledText]:
        """Yield the reviews; the title is the first line of the text. Raises UserError for a domain that is missing."""
        found = set()
        for row in jsonl_rows(files.path("reviews.jsonl.gz")):
            cells = row.cells
            found.add(cells["domain"])
            if self.domains is None or cells["domain"] in self.domains:
                label = "positive" if int(cells["label"]) else "negative"
                yield LabelledText(f"{cells.get('title') or ''}\n{cells['text']}", label, row.place)
        if missing := sorted(set(self.domains or ()) - found):
            raise UserError(f"data.domains contains {', '.join(missing)}, but the file has {', '.join(sorted(found))}")

    def options(self) -> dict[str, Any]:
        return {"domains": ",".join(self.domains or ["all"])}

"""The split of documents."""

from suite.data.splits import StratifiedSplit


class DocumentSplit(StratifiedSplit):
    """A ``StratifiedSplit`` whose groups are, for example, films: no film has training and validation reviews."""

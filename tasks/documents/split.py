"""Split of documents."""

from suite.data.splits import StratifiedSplit


class DocumentSplit(StratifiedSplit):
    """``StratifiedSplit`` of documents; groups keep validation apart from training, as the films of IMDB's reviews."""

"""What all networks of documents share: their output, and the interface of a pooling."""

# M rows, T sentences, N documents, E width of a row, H heads, C classes

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor

from suite.attention.functional import AttentionOutput
from suite.attention.ragged.segments import Segments


class Pool(Protocol):
    """A module that reduces the rows of each segment to one vector; ``pooling.py`` has several."""

    num_heads: int

    def __call__(self, x: Tensor, *, segments: Segments) -> AttentionOutput:
        """Pool rows (M, E) to (N, H E); the weights are (M, H)."""
        ...


Pooling = Callable[[int], Pool]  # builds a pooling for rows of the given width


class DocumentOutput(NamedTuple):
    """Output of a network for N documents.

    Args:
        logits: class scores (N, C).
        word_weights: weights (M, H) of the words; they sum to 1 in each sentence, or in each document if the network
            has no level of sentences.
        sentence_weights: weights (T, H) of the sentences; they sum to 1 in each document. None if the network has no
            level of sentences.
    """

    logits: Tensor
    word_weights: Tensor
    sentence_weights: Tensor | None


def require_weights(pooled: AttentionOutput) -> Tensor:
    """Return the weights of a pooling. Raises ValueError if it returned none."""
    if pooled.weights is None:
        raise ValueError("the pooling of a document network must return its weights")
    return pooled.weights

"""The vocabulary: the most frequent words of the training split."""

from collections.abc import Sequence

import numpy as np

UNKNOWN = 0  # index of each word that is not in the vocabulary


class Vocabulary:
    """Words with indices from 1; all other words have the index 0.

    >>> vocabulary = Vocabulary(["the", "film"])
    >>> vocabulary.encode(["the", "worst", "film"])
    [1, 0, 2]
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self._numbers = {word: number for number, word in enumerate(self.words, start=1)}

    @classmethod
    def count(cls, words: np.ndarray, lexicon: Sequence[str], max_size: int, min_count: int) -> "Vocabulary":
        """Return the ``max_size`` most frequent words that occur at least ``min_count`` times.

        ``words`` are indices into ``lexicon``. Words of equal frequency are in alphabetical order.
        """
        counts = np.bincount(words, minlength=len(lexicon))
        frequent = np.flatnonzero(counts >= max(min_count, 1))
        chosen = sorted(frequent.tolist(), key=lambda number: (-counts[number], lexicon[number]))[:max_size]
        return cls([lexicon[number] for number in chosen])

    def __len__(self) -> int:
        """Number of embeddings: one for each word, and one for all others."""
        return len(self.words) + 1

    def encode(self, words: Sequence[str]) -> list[int]:
        """Return the index of each word."""
        return [self._numbers.get(word, UNKNOWN) for word in words]

"""The words that a model knows: those of the training part, the frequent ones first."""

from collections.abc import Sequence

import numpy as np

UNKNOWN = 0  # the number of every word that is not in the vocabulary


class Vocabulary:
    """Words numbered from 1; 0 stands for all others.

    >>> vocabulary = Vocabulary(["the", "film"])
    >>> vocabulary.encode(["the", "worst", "film"])
    [1, 0, 2]
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self._numbers = {word: number for number, word in enumerate(self.words, start=1)}

    @classmethod
    def count(cls, words: np.ndarray, lexicon: Sequence[str], max_size: int, min_count: int) -> "Vocabulary":
        """The ``max_size`` most frequent of ``words``, numbers into ``lexicon``, that occur ``min_count`` times.

        Words that are equally frequent stand in the order of the alphabet.
        """
        counts = np.bincount(words, minlength=len(lexicon))
        frequent = np.flatnonzero(counts >= max(min_count, 1))
        kept = sorted(frequent.tolist(), key=lambda number: (-counts[number], lexicon[number]))[:max_size]
        return cls([lexicon[number] for number in kept])

    def __len__(self) -> int:
        """Number of embeddings that are needed: one for each word, and one for the unknown."""
        return len(self.words) + 1

    def encode(self, words: Sequence[str]) -> list[int]:
        """The number of every word."""
        return [self._numbers.get(word, UNKNOWN) for word in words]

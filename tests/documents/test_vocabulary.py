"""The vocabulary."""

import numpy as np

from tasks.documents.vocabulary import Vocabulary


def test_frequent_words_come_first_then_alphabetical() -> None:
    lexicon = ["b", "a", "c", "d"]
    words = np.array([0, 0, 1, 1, 2, 3, 3, 3])
    vocabulary = Vocabulary.count(words, lexicon, max_size=3, min_count=2)
    assert vocabulary.words == ["d", "a", "b"]
    assert len(vocabulary) == 4
    assert Vocabulary.count(words, lexicon, max_size=1, min_count=1).encode(["d", "a"]) == [1, 0]

"""N-gram evidence against a slow count of all n-grams of all documents."""

import math
from collections import Counter

import pytest
import torch

from tasks.documents.batch import DocumentBatch, Spelling
from tasks.documents.models.ngram_evidence import CHAR_NGRAMS, FREE, NgramEvidence
from tasks.documents.text import char_ngrams

DOCUMENTS = [
    [[1, 2, 3, 1], [4]],
    [[2, 3, 0, 1], [2, 3]],
    [],
    [[4, 4, 4], [1, 2, 3]],
    [[3, 1, 2, 3]],
]
LABELS = [0, 1, 2, 0, 1]


def ngrams(document: list[list[int]]) -> dict[tuple[int, ...], int]:
    """All n-grams of one to three known words, with the index of the word at which each first ends."""
    found: dict[tuple[int, ...], int] = {}
    place = 0
    for sentence in document:
        for end in range(len(sentence)):
            for order in (1, 2, 3):
                ngram = tuple(sentence[max(end - order + 1, 0) : end + 1])
                if len(ngram) == order and 0 not in ngram:
                    found.setdefault(ngram, place)
            place += 1
    return found


@pytest.mark.parametrize("min_count", [1, 2])
def test_ratios_and_evidence_equal_a_slow_count(min_count: int) -> None:
    torch.manual_seed(0)
    evidence = NgramEvidence(num_words=5, num_classes=3, max_ngrams=40, min_count=min_count)
    batches = [DocumentBatch.of(DOCUMENTS[:2], LABELS[:2]), DocumentBatch.of(DOCUMENTS[2:], LABELS[2:])]
    evidence.observe(batches)

    counts: list[Counter[tuple[int, ...]]] = [Counter(), Counter(), Counter()]
    for document, label in zip(DOCUMENTS, LABELS, strict=True):
        counts[label].update(ngrams(document).keys())
    total = sum(counts, Counter())
    known = [ngram for ngram in total if total[ngram] >= min_count]
    own = [{ngram: 1 + counts[c][ngram] for ngram in known} for c in range(3)]
    rest = [{ngram: 1 + total[ngram] - counts[c][ngram] for ngram in known} for c in range(3)]
    ratio = {
        ngram: [
            math.log(own[c][ngram] / sum(own[c].values())) - math.log(rest[c][ngram] / sum(rest[c].values()))
            for c in range(3)
        ]
        for ngram in known
    }
    torch.nn.init.ones_(evidence.weight)
    batch = DocumentBatch.of(DOCUMENTS)
    found = evidence(batch.words, batch.sentences, batch.documents)
    start = 0
    for document in DOCUMENTS:
        length = sum(map(len, document))
        expected = torch.zeros(length, 3)
        for ngram, place in ngrams(document).items():
            if ngram in ratio:
                expected[place] += torch.tensor(ratio[ngram])
        torch.testing.assert_close(found[start : start + length].detach(), expected)
        start += length


def test_only_the_most_frequent_ngrams_are_features() -> None:
    evidence = NgramEvidence(num_words=5, num_classes=3, max_ngrams=3, min_count=1)
    evidence.observe([DocumentBatch.of(DOCUMENTS, LABELS)])
    assert evidence.keys.tolist() == [1, 2, 3]  # each of the three words is in four documents


def test_before_training_there_is_no_evidence() -> None:
    evidence = NgramEvidence(num_words=5, num_classes=3, max_ngrams=30, min_count=1)
    evidence.observe([DocumentBatch.of(DOCUMENTS, LABELS)])
    batch = DocumentBatch.of(DOCUMENTS)
    assert not evidence(batch.words, batch.sentences, batch.documents).any()


def test_character_ngrams_are_evidence_also_of_unknown_words() -> None:
    texts = [["good", "film"], ["goodness"], ["bad"], ["badly", "bad"]]
    batch = DocumentBatch.of(
        [[[0] * len(text)] for text in texts],
        [1, 1, 0, 0],
        Spelling.of([word for text in texts for word in text], longest=4),
    )
    evidence = NgramEvidence(num_words=3, num_classes=2, max_ngrams=100, min_count=2)
    evidence.observe([batch])
    held = Counter(ngram for text in texts for ngram in {ngram for word in text for ngram in char_ngrams(word, 4)})
    known = {int(key) - CHAR_NGRAMS for key in evidence.keys if int(key) != FREE}
    assert known == {ngram for ngram, documents in held.items() if documents >= 2}
    torch.nn.init.ones_(evidence.weight)
    unseen = DocumentBatch.of([[[0]], [[0]]], spelling=Spelling.of(["goodly", "bad"], 4))
    found = evidence(unseen.words, unseen.sentences, unseen.documents, unseen.spelling)
    assert found[0, 1] > found[0, 0]
    assert found[1, 0] > found[1, 1]

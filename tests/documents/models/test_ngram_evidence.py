"""N-gram evidence against a slow count of every run of every document."""

import math
import zlib
from collections import Counter

import pytest
import torch

from tasks.documents.batch import DocumentBatch, Spelling
from tasks.documents.models.ngram_evidence import FREE, PIECES, NgramEvidence
from tasks.documents.text import pieces

DOCUMENTS = [
    [[1, 2, 3, 1], [4]],
    [[2, 3, 0, 1], [2, 3]],
    [],
    [[4, 4, 4], [1, 2, 3]],
    [[3, 1, 2, 3]],
]
LABELS = [0, 1, 2, 0, 1]


def runs(document: list[list[int]]) -> dict[tuple[int, ...], int]:
    """Every run of one to three known words, with the place in the document where it first ends."""
    found: dict[tuple[int, ...], int] = {}
    place = 0
    for sentence in document:
        for end in range(len(sentence)):
            for order in (1, 2, 3):
                run = tuple(sentence[max(end - order + 1, 0) : end + 1])
                if len(run) == order and 0 not in run:
                    found.setdefault(run, place)
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
        counts[label].update(runs(document).keys())
    total = sum(counts, Counter())
    known = [run for run in total if total[run] >= min_count]
    own = [{run: 1 + counts[c][run] for run in known} for c in range(3)]
    rest = [{run: 1 + total[run] - counts[c][run] for run in known} for c in range(3)]
    ratio = {
        run: [
            math.log(own[c][run] / sum(own[c].values())) - math.log(rest[c][run] / sum(rest[c].values()))
            for c in range(3)
        ]
        for run in known
    }
    torch.nn.init.ones_(evidence.weight)
    batch = DocumentBatch.of(DOCUMENTS)
    found = evidence(batch.words, batch.sentences, batch.documents)
    start = 0
    for document in DOCUMENTS:
        length = sum(map(len, document))
        expected = torch.zeros(length, 3)
        for run, place in runs(document).items():
            if run in ratio:
                expected[place] += torch.tensor(ratio[run])
        torch.testing.assert_close(found[start : start + length].detach(), expected)
        start += length


def test_the_most_frequent_runs_are_kept_where_there_is_no_room_for_all() -> None:
    evidence = NgramEvidence(num_words=5, num_classes=3, max_ngrams=3, min_count=1)
    evidence.observe([DocumentBatch.of(DOCUMENTS, LABELS)])
    assert evidence.keys.tolist() == [1, 2, 3]  # the three words stand in four documents each


def test_before_training_every_class_is_as_likely() -> None:
    evidence = NgramEvidence(num_words=5, num_classes=3, max_ngrams=30, min_count=1)
    evidence.observe([DocumentBatch.of(DOCUMENTS, LABELS)])
    batch = DocumentBatch.of(DOCUMENTS)
    assert not evidence(batch.words, batch.sentences, batch.documents).any()


def test_pieces_of_words_are_evidence_too_even_of_unknown_words() -> None:
    texts = [["good", "film"], ["goodness"], ["bad"], ["badly", "bad"]]
    batch = DocumentBatch.of(
        [[[0] * len(text)] for text in texts],
        [1, 1, 0, 0],
        Spelling.of([word for text in texts for word in text], longest=4),
    )
    evidence = NgramEvidence(num_words=3, num_classes=2, max_ngrams=100, min_count=2)
    evidence.observe([batch])
    held = Counter(piece for text in texts for piece in {piece for word in text for piece in pieces(word, 4)})
    known = {int(key) - PIECES for key in evidence.keys if int(key) != FREE}
    assert known == {piece for piece, documents in held.items() if documents >= 2}
    torch.nn.init.ones_(evidence.weight)
    unseen = DocumentBatch.of([[[0]], [[0]]], spelling=Spelling.of(["goodly", "bad"], 4))
    said = evidence(unseen.words, unseen.sentences, unseen.documents, unseen.spelling)
    assert said[0, 1] > said[0, 0]
    assert said[1, 0] > said[1, 1]


def test_pieces_are_few_for_short_words_and_the_same_everywhere() -> None:
    assert pieces("a", 0) == []
    assert pieces("a", 2) == sorted([zlib.crc32(b"<a"), zlib.crc32(b"a>")])

"""Batches of documents without padding: all words in one tensor, with sentences and documents as segments."""

# M words, T sentences, N documents of a batch, P character n-grams

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from suite.attention.ragged.segments import Segments
from suite.data.ranges import concatenate_ranges
from tasks.documents import text


class Spelling(NamedTuple):
    """Character n-grams of words: their hashes (P,) int64, and M segments of n-grams, one for each word."""

    ngrams: Tensor
    words: Segments

    @classmethod
    def of(cls, words: Sequence[str], longest: int) -> "Spelling":
        """Return the n-grams of words, of up to ``longest`` characters; with 0 there are none."""
        found = [text.char_ngrams(word, longest) for word in words]
        lengths = torch.tensor([len(ngrams) for ngrams in found], dtype=torch.int64)
        ngrams = torch.tensor([ngram for ngrams in found for ngram in ngrams], dtype=torch.int64)
        return cls(ngrams, Segments.from_lengths(lengths))


@dataclass
class DocumentBatch:
    """N documents.

    Args:
        words: indices into the vocabulary (M,) int64.
        sentences: T segments of the M words.
        documents: N segments of the T sentences.
        labels: class of each document (N,) int64.
        spelling: character n-grams of the words.
    """

    words: Tensor
    sentences: Segments
    documents: Segments
    labels: Tensor
    spelling: Spelling

    @classmethod
    def of(
        cls,
        documents: Sequence[Sequence[Sequence[int]]],
        labels: Sequence[int] | None = None,
        spelling: Spelling | None = None,
    ) -> "DocumentBatch":
        """Return a batch from nested lists: documents of sentences of word indices.

        Labels are 0 unless given; words have no n-grams unless ``spelling`` is given.
        """
        words = [word for document in documents for sentence in document for word in sentence]
        lengths = [len(sentence) for document in documents for sentence in document]
        return cls(
            torch.tensor(words, dtype=torch.int64),
            Segments.from_lengths(torch.tensor(lengths, dtype=torch.int64)),
            Segments.from_lengths(torch.tensor([len(document) for document in documents], dtype=torch.int64)),
            torch.tensor([0] * len(documents) if labels is None else labels, dtype=torch.int64),
            spelling or Spelling.of([""] * len(words), 0),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str, **_: object) -> "DocumentBatch":
        """Return the batch on ``device``."""
        device = torch.device(device)
        if self.labels.device == device:
            return self
        sentences, documents, words = (
            Segments(segments.offsets.to(device)) for segments in (self.sentences, self.documents, self.spelling.words)
        )
        spelling = Spelling(self.spelling.ngrams.to(device), words)
        return DocumentBatch(self.words.to(device), sentences, documents, self.labels.to(device), spelling)


@dataclass
class EncodedDocuments:
    """All documents of a data set, encoded with one vocabulary.

    Args:
        words: indices into the vocabulary, of all words.
        sentences: offsets into ``words``.
        documents: offsets into ``sentences``.
        labels: class of each document.
        spelled: index of each word into ``spellings``.
        spellings: offsets into ``ngrams``.
        ngrams: hashes of the character n-grams of all distinct words.
    """

    words: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    labels: np.ndarray
    spelled: np.ndarray
    spellings: np.ndarray
    ngrams: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Number of words of each document."""
        return np.diff(self.sentences[self.documents])

    def batch(self, chosen: np.ndarray) -> DocumentBatch:
        """Return the chosen documents, in this order."""
        sentences = _members(self.documents, chosen)
        words = _members(self.sentences, sentences)
        spelled = self.spelled[words]
        ngrams = self.ngrams[_members(self.spellings, spelled)]
        return DocumentBatch(
            torch.from_numpy(self.words[words].astype(np.int64)),
            _segments(self.sentences, sentences),
            _segments(self.documents, chosen),
            torch.from_numpy(self.labels[chosen]),
            Spelling(torch.from_numpy(ngrams.astype(np.int64)), _segments(self.spellings, spelled)),
        )


def _segments(offsets: np.ndarray, chosen: np.ndarray) -> Segments:
    return Segments.from_lengths(torch.from_numpy(offsets[chosen + 1] - offsets[chosen]))


def _members(offsets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Indices of the members of the chosen segments."""
    return concatenate_ranges(offsets[chosen], offsets[chosen + 1])


class DocumentBatches:
    """Batches of documents of similar length.

    In training the order is new at each iteration: all documents are shuffled, each ``window`` consecutive batches are
    sorted by length, and the batches are shuffled. The order follows from torch's generator, hence from the seed of the
    run. Otherwise documents are sorted by length.

    Args:
        documents: all documents.
        chosen: indices of the documents of the batches.
        batch_size: number of documents in a batch.
        training: whether the order is random.
        window: number of batches that are sorted together.
    """

    def __init__(
        self,
        documents: EncodedDocuments,
        chosen: np.ndarray,
        batch_size: int,
        training: bool = False,
        window: int = 32,
    ) -> None:
        self.documents = documents
        self.chosen = chosen
        self.batch_size = batch_size
        self.training = training
        self.window = window

    def __len__(self) -> int:
        return -(-len(self.chosen) // self.batch_size)

    def __iter__(self) -> Iterator[DocumentBatch]:
        lengths = self.documents.lengths
        if not self.training:
            order = self.chosen[np.argsort(lengths[self.chosen], kind="stable")]
            yield from (self.documents.batch(chosen) for chosen in self._in_batches(order))
            return
        random = np.random.default_rng(int(torch.randint(2**31, ())))
        order = random.permutation(self.chosen)
        size = self.batch_size * self.window
        batches = []
        for start in range(0, len(order), size):
            window = order[start : start + size]
            batches += self._in_batches(window[np.argsort(lengths[window], kind="stable")])
        for place in random.permutation(len(batches)):
            yield self.documents.batch(batches[place])

    def _in_batches(self, order: np.ndarray) -> list[np.ndarray]:
        return [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]

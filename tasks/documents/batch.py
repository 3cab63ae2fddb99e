"""Documents as the model reads them: words behind one another, sentences and documents as segments, no padding."""

# M words, T sentences, N documents of a batch, P pieces of words

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from suite.attention.ragged.segments import Segments
from tasks.documents import text


class Spelling(NamedTuple):
    """How the words are spelled: numbers of their pieces (P,) int64, and which word they belong to, M segments."""

    pieces: Tensor
    words: Segments

    @classmethod
    def of(cls, words: Sequence[str], longest: int) -> "Spelling":
        """The pieces of up to ``longest`` characters of some words."""
        found = [text.pieces(word, longest) for word in words]
        lengths = torch.tensor([len(pieces) for pieces in found], dtype=torch.int64)
        numbers = torch.tensor([piece for pieces in found for piece in pieces], dtype=torch.int64)
        return cls(numbers, Segments.from_lengths(lengths))


@dataclass(frozen=True)
class DocumentBatch:
    """``words`` (M,) int64, numbers of the vocabulary; the sentences' words; the documents' sentences; labels (N,)."""

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
        """From nested lists, as a text is tokenised; without labels they are 0, without spelling no word has pieces."""
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
        """The same batch on another device; itself where it is there already."""
        device = torch.device(device)
        if self.labels.device == device:
            return self
        sentences, documents, words = (
            Segments(part.offsets.to(device)) for part in (self.sentences, self.documents, self.spelling.words)
        )
        spelling = Spelling(self.spelling.pieces.to(device), words)
        return DocumentBatch(self.words.to(device), sentences, documents, self.labels.to(device), spelling)


@dataclass(frozen=True)
class Documents:
    """All documents of a set in the numbers of one vocabulary; ``batch`` gathers any of them."""

    words: np.ndarray
    sentences: np.ndarray  # offsets into words
    documents: np.ndarray  # offsets into sentences
    labels: np.ndarray
    spelled: np.ndarray  # for every word its number in the table of spellings
    spellings: np.ndarray  # that table: offsets into pieces
    pieces: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Words of every document."""
        return np.diff(self.sentences[self.documents])

    def batch(self, chosen: np.ndarray) -> DocumentBatch:
        """The chosen documents, in this order."""
        sentences = _ranges(self.documents, chosen)
        words = _ranges(self.sentences, sentences)
        spelled = self.spelled[words]
        pieces = self.pieces[_ranges(self.spellings, spelled)]
        return DocumentBatch(
            torch.from_numpy(self.words[words].astype(np.int64)),
            _segments(self.sentences, sentences),
            _segments(self.documents, chosen),
            torch.from_numpy(self.labels[chosen]),
            Spelling(torch.from_numpy(pieces.astype(np.int64)), _segments(self.spellings, spelled)),
        )


def _segments(offsets: np.ndarray, chosen: np.ndarray) -> Segments:
    return Segments.from_lengths(torch.from_numpy(offsets[chosen + 1] - offsets[chosen]))


def _ranges(offsets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The members of the chosen segments, one segment behind the other."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(offsets[chosen] - (ends - lengths), lengths)


class Batches:
    """Batches of documents of about one length, in a new order every time it is iterated while training.

    Training: all documents are shuffled, each stretch of ``window`` batches is sorted by length and cut, and the
    batches are shuffled again, so that a batch holds like lengths and an epoch still no pattern. The order follows
    torch's generator, and so the seed of the run. Otherwise: sorted by length, always the same.
    """

    def __init__(
        self, documents: Documents, chosen: np.ndarray, batch_size: int, training: bool = False, window: int = 32
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
            yield from (self.documents.batch(part) for part in self._cut(order))
            return
        random = np.random.default_rng(int(torch.randint(2**31, ())))
        order = random.permutation(self.chosen)
        stretch = self.batch_size * self.window
        batches = []
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            batches += self._cut(part[np.argsort(lengths[part], kind="stable")])
        for place in random.permutation(len(batches)):
            yield self.documents.batch(batches[place])

    def _cut(self, order: np.ndarray) -> list[np.ndarray]:
        return [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]

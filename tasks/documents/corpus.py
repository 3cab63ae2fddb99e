"""All documents of a set as flat arrays: words in sentences in documents, tokenised once."""

# W words, T sentences, N documents, L distinct words

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from suite.data.cache import Arrays, hash_arrays
from suite.errors import UserError
from tasks.documents import text
from tasks.documents.record import Record, named

VERSION = "1"  # of the arrays; part of the cache's key


@dataclass(frozen=True, eq=False)
class Corpus:
    """The documents of a set, before any vocabulary is chosen.

    ``words`` (W,) numbers into ``lexicon``, the distinct words in the order of their first appearance;
    sentence t owns words ``sentences[t]`` to ``sentences[t + 1]``, document n sentences ``documents[n]`` to
    ``documents[n + 1]``: a document may own none. ``labels`` and ``parts`` (N,) are names, ``groups`` (N,) what
    validation must not tear apart, ``digests`` (N,) tell equal texts, ``cut`` the documents that were too long.
    """

    words: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    lexicon: list[str]
    labels: np.ndarray
    parts: np.ndarray
    groups: np.ndarray
    digests: np.ndarray
    places: np.ndarray
    cut: np.ndarray

    @classmethod
    def of(cls, arrays: Arrays) -> "Corpus":
        """From the arrays that ``tokenise`` made."""
        lexicon = arrays["lexicon"].tobytes().decode("utf-8").split("\n")
        return cls(**{name: array for name, array in arrays.items() if name != "lexicon"}, lexicon=lexicon)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def word_offsets(self) -> np.ndarray:
        """Document n owns words ``word_offsets[n]`` to ``word_offsets[n + 1]``, (N + 1,)."""
        return self.sentences[self.documents]

    def content_hash(self) -> str:
        """SHA-256 over words, sentences, documents and labels: equal for equal sets, in any form."""
        lexicon = np.frombuffer("\n".join(self.lexicon).encode("utf-8"), dtype=np.uint8)
        labels = np.frombuffer("\n".join(self.labels.tolist()).encode("utf-8"), dtype=np.uint8)
        numbers = {"words": self.words, "sentences": self.sentences, "documents": self.documents}
        return hash_arrays({**numbers, "lexicon": lexicon, "labels": labels})


def tokenise(records: Iterable[Record], max_words: int, max_sentence: int) -> Arrays:
    """Split all texts into sentences of words. Raises UserError where there is no record, or one without a label."""
    numbers: dict[str, int] = {}
    words: list[int] = []
    sentence_lengths: list[int] = []
    document_lengths: list[int] = []
    cut: list[int] = []
    kept: list[tuple[str, str, str, str, int]] = []
    for record in named(records):
        found, too_long = text.document(record.text, max_words, max_sentence)
        for sentence in found:
            words.extend([numbers.setdefault(word, len(numbers)) for word in sentence])
            sentence_lengths.append(len(sentence))
        document_lengths.append(len(found))
        if too_long:
            cut.append(len(kept))
        digest = hashlib.blake2b(record.text.encode("utf-8", "replace"), digest_size=8).digest()
        kept.append((record.label, record.part, record.group, record.place, int.from_bytes(digest, "little")))
    if not kept:
        raise UserError("There is no document in these files; give at least one for training, validation and test.")
    labels, parts, groups, places, digests = zip(*kept, strict=True)
    return {
        "words": np.array(words, dtype=np.int32),
        "sentences": _offsets(sentence_lengths),
        "documents": _offsets(document_lengths),
        "lexicon": np.frombuffer("\n".join(numbers).encode("utf-8"), dtype=np.uint8),
        "labels": np.array(labels),
        "parts": np.array(parts),
        "groups": np.array(groups),
        "places": np.array(places),
        "digests": np.array(digests, dtype=np.uint64),
        "cut": np.array(cut, dtype=np.int64),
    }


def _offsets(lengths: list[int]) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])

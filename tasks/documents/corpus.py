"""All documents of a data set as flat arrays: words in sentences in documents, tokenised once."""

# W words, T sentences, N documents, L distinct words

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from suite.data.cache import Arrays, hash_arrays
from suite.data.identity import digests
from suite.errors import UserError
from tasks.documents import text
from tasks.documents.labelled_text import LabelledText

VERSION = "2"  # of the arrays; a part of the cache key


@dataclass(frozen=True, eq=False)
class Corpus:
    """The documents of a data set, before a vocabulary is chosen.

    Sentence t has the words ``sentences[t]`` to ``sentences[t + 1]``, document n the sentences ``documents[n]`` to
    ``documents[n + 1]``; a document may have none.

    Args:
        words: indices into ``lexicon`` (W,).
        sentences: offsets into ``words`` (T + 1,).
        documents: offsets into ``sentences`` (N + 1,).
        lexicon: the L distinct words in the order of their first occurrence.
        labels: name of the class of each document (N,).
        stated: split that the files state (N,); empty if none.
        groups: group of each document (N,), as in ``LabelledText``.
        digests: equal for equal texts (N,).
        places: file and row of each document (N,), for messages.
        truncated: indices of the documents that were too long.
    """

    words: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    lexicon: list[str]
    labels: np.ndarray
    stated: np.ndarray
    groups: np.ndarray
    digests: np.ndarray
    places: np.ndarray
    truncated: np.ndarray

    @classmethod
    def of(cls, arrays: Arrays) -> "Corpus":
        """Return the corpus of the arrays that ``tokenise`` returned."""
        lexicon = arrays["lexicon"].tobytes().decode("utf-8").split("\n")
        return cls(**{name: array for name, array in arrays.items() if name != "lexicon"}, lexicon=lexicon)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def word_offsets(self) -> np.ndarray:
        """Document n has the words ``word_offsets[n]`` to ``word_offsets[n + 1]``, (N + 1,)."""
        return self.sentences[self.documents]

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        """Return names and contents for a ``SampleRecord``: digests of each text, and of the text with its label."""
        texts = self.digests.astype(np.uint64)
        labelled = digests(zip(map(np.ndarray.tobytes, texts[:, None]), self.labels.tolist(), strict=True))
        return texts.view(np.int64), labelled

    def content_hash(self) -> str:
        """SHA-256 over words, sentences, documents and labels; equal for equal documents in any file format."""
        lexicon = np.frombuffer("\n".join(self.lexicon).encode("utf-8"), dtype=np.uint8)
        labels = np.frombuffer("\n".join(self.labels.tolist()).encode("utf-8"), dtype=np.uint8)
        numbers = {"words": self.words, "sentences": self.sentences, "documents": self.documents}
        return hash_arrays({**numbers, "lexicon": lexicon, "labels": labels})


def tokenise(texts: Iterable[LabelledText], max_words: int, max_sentence: int) -> Arrays:
    """Split all texts into sentences of words, as ``text.document`` does. Raises UserError if there is no text."""
    numbers: dict[str, int] = {}
    words: list[int] = []
    sentence_lengths: list[int] = []
    document_lengths: list[int] = []
    truncated: list[int] = []
    facts: list[tuple[str, str, str, str, int]] = []
    for one in texts:
        sentences, too_long = text.document(one.text, max_words, max_sentence)
        for sentence in sentences:
            words.extend([numbers.setdefault(word, len(numbers)) for word in sentence])
            sentence_lengths.append(len(sentence))
        document_lengths.append(len(sentences))
        if too_long:
            truncated.append(len(facts))
        digest = hashlib.blake2b(one.text.encode("utf-8", "replace"), digest_size=8).digest()
        facts.append((one.label, one.split, one.group, one.place, int.from_bytes(digest, "little")))
    if not facts:
        raise UserError("The files contain no document; add at least one each for training, validation and test")
    labels, stated, groups, places, digests = zip(*facts, strict=True)
    return {
        "words": np.array(words, dtype=np.int32),
        "sentences": _offsets(sentence_lengths),
        "documents": _offsets(document_lengths),
        "lexicon": np.frombuffer("\n".join(numbers).encode("utf-8"), dtype=np.uint8),
        "labels": np.array(labels),
        "stated": np.array(stated),
        "groups": np.array(groups),
        "places": np.array(places),
        "digests": np.array(digests, dtype=np.uint64),
        "truncated": np.array(truncated, dtype=np.int64),
    }


def _offsets(lengths: list[int]) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])

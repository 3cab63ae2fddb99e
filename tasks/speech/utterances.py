"""Utterances of a speech corpus, and the hashes of their content and split."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple


class Utterance(NamedTuple):
    """One utterance of a corpus.

    ``paths`` are its files; several files are concatenated, and generated speech has none. ``split`` is train, val,
    test, or empty where the corpus states none. ``seconds`` is the duration.
    """

    name: str
    paths: tuple[str, ...]
    text: str
    speaker: str
    split: str
    seconds: float


def content_hash(utterances: Iterable[Utterance]) -> str:
    """SHA-256 over names, texts, speakers and durations; the location of the files does not change it."""
    digest = hashlib.sha256()
    for one in utterances:
        digest.update(f"{one.name}\t{one.text}\t{one.speaker}\t{one.seconds:.4f}\n".encode())
    return digest.hexdigest()


def split_hash(utterances: Iterable[Utterance]) -> str:
    """SHA-256 over the names of the utterances with their splits; the order of the utterances does not change it."""
    lines = sorted(f"{one.name}\t{one.split}\n" for one in utterances)
    return hashlib.sha256("".join(lines).encode()).hexdigest()

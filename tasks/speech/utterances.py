"""What a speech corpus is: utterances, each with its recording, its words, its speaker and its part."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tasks.speech.features import Frontend


class Utterance(NamedTuple):
    """One utterance.

    ``parts`` are the files whose recordings follow one another (one file, but for made-up digit strings); ``part`` is
    train, val, test, or empty where the files do not say; ``seconds`` is how long it lasts.
    """

    name: str
    parts: tuple[str, ...]
    text: str
    speaker: str
    part: str
    seconds: float


def content_hash(utterances: Iterable[Utterance]) -> str:
    """SHA-256 over names, texts, speakers and lengths: what was read, wherever it lies."""
    digest = hashlib.sha256()
    for one in utterances:
        digest.update(f"{one.name}\t{one.text}\t{one.speaker}\t{one.seconds:.4f}\n".encode())
    return digest.hexdigest()


def split_hash(utterances: Iterable[Utterance]) -> str:
    """SHA-256 over the parts by name."""
    lines = sorted(f"{one.name}\t{one.part}\n" for one in utterances)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class Recordings:
    """A reader's side of loading: an utterance is what its files hold, one behind the other."""

    def recording(self, utterance: Utterance, frontend: Frontend) -> np.ndarray:
        """The recording of one utterance; raises UserError naming the file."""
        return np.concatenate([frontend.read(path) for path in utterance.parts])

"""What all readers of speech corpora have in common."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from suite.data.readers import Reader
from suite.data.source import Resolved
from tasks.speech.features import Frontend
from tasks.speech.utterances import Utterance


class SpeechReader(Reader, Protocol):
    """Reads one kind of corpus: ``reader.read(reader.resolve(data_dir), frontend)``."""

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Yield the utterances of the corpus. Raises UserError naming the file and the line."""
        ...

    def recording(self, utterance: Utterance, frontend: Frontend) -> np.ndarray:
        """Return the recording of an utterance, as the front end reads it. Raises UserError naming the file."""
        ...


class RecordingFiles:
    """Base of readers whose utterances are files: the recording is the concatenation of ``Utterance.paths``."""

    def recording(self, utterance: Utterance, frontend: Frontend) -> np.ndarray:
        return np.concatenate([frontend.read(path) for path in utterance.paths])

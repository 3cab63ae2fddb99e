"""The recognized text of a recording: words with their times and confidence, by chunk."""

# T frames, F features, U units, S positions, V number of units

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from tasks.speech.search.alignment import align
from tasks.speech.units import Units


class RecognizedWord(NamedTuple):
    """A word, its start and end in seconds, and the mean probability of its units there."""

    word: str
    start: float
    end: float
    confidence: float


class RecognizedChunk(NamedTuple):
    """One chunk of a recording.

    ``start`` is in seconds, ``features`` are (T, F). ``confidence`` is the probability of the text among those that the
    search found. ``weights`` (U + 1, S) are the decoder's attention for every unit and for the end, if requested.
    """

    start: float
    features: Tensor
    units: list[int]
    words: list[RecognizedWord]
    confidence: float
    weights: Tensor | None

    def required_weights(self) -> Tensor:
        """Return the attention weights. Raises RuntimeError if they were not requested."""
        if self.weights is None:
            raise RuntimeError("the attention weights were not requested")
        return self.weights


@dataclass(frozen=True)
class Transcription:
    """The result for one recording; a recording without speech has no chunks."""

    name: str
    notes: list[str]
    chunks: list[RecognizedChunk]


def locate_words(
    numbers: list[int], vocabulary: Units, log_probs: Tensor, start: float, seconds_per_position: float
) -> list[RecognizedWord]:
    """Return the words of a recognized text with their times on the best CTC path.

    Where the text has more units than CTC can emit, every word has the whole chunk as its time, and confidence 0.

    Args:
        numbers: units of the text.
        vocabulary: makes words of them.
        log_probs: CTC log-probabilities of the chunk (S, V).
        start: of the chunk, in seconds.
        seconds_per_position: duration of an encoder position.
    """
    spans = align(log_probs, numbers)
    words = []
    for members in vocabulary.words(numbers):
        text = vocabulary.decode([numbers[place] for place in members])
        if not spans:
            end = start + len(log_probs) * seconds_per_position
            words.append(RecognizedWord(text, round(start, 3), round(end, 3), 0.0))
            continue
        first, last = spans[members[0]], spans[members[-1]]
        begin, end = (round(start + place * seconds_per_position, 3) for place in (first.start, last.end))
        confidence = float(np.mean([spans[place].probability for place in members]))
        words.append(RecognizedWord(text, begin, end, confidence))
    return words

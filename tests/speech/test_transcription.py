"""Words of a recognized text with their times."""

import pytest
import torch

from tasks.speech.transcription import RecognizedChunk, RecognizedWord, locate_words
from tasks.speech.units import Characters

UNITS = Characters.learn(["ab c"])  # blank, eos, unknown, space, a, b, c


def one_hot(path: list[int]) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(path), len(UNITS)).float().clamp(min=1e-6).log()


def test_a_word_lasts_from_its_first_to_its_last_unit() -> None:
    log_probs = one_hot([0, 4, 5, 5, 0, 3, 6, 0])
    words = locate_words([4, 5, 3, 6], UNITS, log_probs, start=10.0, seconds_per_position=0.5)
    assert words == [RecognizedWord("ab", 10.5, 12.0, 1.0), RecognizedWord("c", 13.0, 13.5, 1.0)]


def test_a_text_that_ctc_cannot_emit_has_the_time_of_the_chunk() -> None:
    words = locate_words([4, 4], UNITS, one_hot([4, 4]), start=1.0, seconds_per_position=0.5)
    assert words == [RecognizedWord("aa", 1.0, 2.0, 0.0)]


def test_weights_that_were_not_requested_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="not requested"):
        RecognizedChunk(0.0, torch.zeros(1, 1), [], [], 1.0, None).required_weights()

"""Recordings of a user: notes, and chunks of long recordings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.speech.features import Cepstra, LogMel
from tasks.speech.recordings import Recording, load, split_at_pauses

RATE = 8000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "rate", "empty", "notes"),
    [
        (TONE, RATE, False, []),
        (np.stack([TONE, TONE], 1), RATE, False, ["mean of 2 channels"]),
        (np.repeat(TONE, 2), 2 * RATE, False, ["resampled from 16000 to 8000 Hz"]),
        (np.clip(9 * TONE, -1, 1), RATE, False, ["clipped: 85.5% of the samples have the largest amplitude"]),
        (TONE[:0], RATE, True, ["shorter than 25 ms: no text"]),
        (TONE[:80], RATE, True, ["shorter than 25 ms: no text"]),
        (0 * TONE, RATE, True, ["silent: no text"]),
    ],
)
def test_files_and_samples_have_the_same_notes(
    write_sound: Callable[..., Path], samples: np.ndarray, rate: int, empty: bool, notes: list[str]
) -> None:
    frontend = LogMel(RATE, 16)
    for recording in (Recording("a", None, samples, rate), Recording("a", write_sound("a.wav", samples, rate))):
        loaded = load(recording, frontend)
        assert loaded.empty is empty
        assert [note.split(":")[0] for note in loaded.notes] == [note.split(":")[0] for note in notes]


def test_samples_are_rejected_where_files_of_cepstra_are_read() -> None:
    with pytest.raises(UserError, match="reads files of Cepstra, not samples"):
        load(Recording("samples", None, TONE, RATE), Cepstra(13))


@pytest.mark.parametrize("shape", [(901,), (901, 13)])
def test_chunks_are_short_enough_and_lose_nothing(shape: tuple[int, ...]) -> None:
    recording = np.random.RandomState(0).randn(*shape).astype(np.float32)
    frontend = LogMel(100, 16) if len(shape) == 1 else None
    chunks = split_at_pauses(recording, frontend or Cepstra(13), 2.0)
    np.testing.assert_array_equal(np.concatenate([chunk for _, chunk in chunks]), recording)
    assert max(len(chunk) for _, chunk in chunks) <= 200
    starts = np.cumsum([0, *(len(chunk) for _, chunk in chunks)])[:-1] / 100
    np.testing.assert_allclose([start for start, _ in chunks], starts)

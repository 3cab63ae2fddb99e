"""Recordings as they come: too long, silent, clipped, with two channels or another rate."""

# N samples or frames

from pathlib import Path

import numpy as np

from tasks.speech.features import Frontend, LogMel
from tasks.speech.sound import describe

SILENCE = 1e-4  # the greatest amplitude that counts as none: -80 dB of full scale
CLIPPED = 0.999  # an amplitude at the end of the scale
NOTED = 0.001  # share of clipped samples that is told
QUIET = 0.02  # seconds over which loudness is taken


def notes_of(path: Path, recording: np.ndarray, frontend: Frontend) -> tuple[list[str], bool]:
    """What a user should know of a recording, and whether there is nothing to hear in it.

    A recording that is shorter than a window of the front end, or as good as silent, has no text.
    """
    if not isinstance(frontend, LogMel):
        return ([], False) if len(recording) else (["empty"], True)
    notes = describe(path, frontend.rate)
    if len(recording) < frontend.window * frontend.rate:
        return [*notes, f"shorter than {frontend.window * 1000:g} ms: nothing to read"], True
    peak = float(np.abs(recording).max())
    if peak < SILENCE:
        return [*notes, "silent: nothing to read"], True
    if (share := float((np.abs(recording) >= CLIPPED).mean())) > NOTED:
        notes.append(f"clipped: {share:.1%} of the samples are at the end of the scale")
    return notes, False


def cut_at_pauses(recording: np.ndarray, frontend: Frontend, max_seconds: float) -> list[tuple[float, np.ndarray]]:
    """Pieces of at most ``max_seconds`` with the second at which each begins.

    A cut lies at the quietest moment of the last quarter that a piece may have.
    """
    rate = frontend.rate if isinstance(frontend, LogMel) else frontend.frames_per_second
    longest, step = max(int(max_seconds * rate), 1), max(int(QUIET * rate), 1)
    pieces, start = [], 0
    while len(recording) - start > longest:
        window = recording[start + 3 * longest // 4 : start + longest]
        loudness = window if window.ndim == 1 else window[:, 0] - window[:, 0].min()
        count = max(len(loudness) // step, 1)
        energy = [float(np.square(part).mean()) for part in np.array_split(loudness, count)]
        end = start + 3 * longest // 4 + int((np.argmin(energy) + 0.5) * len(window) / count)
        end = max(end, start + 1)
        pieces.append((start / rate, recording[start:end]))
        start = end
    return [*pieces, (start / rate, recording[start:])]

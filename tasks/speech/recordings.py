"""A user's recordings: loading from files or samples, notes on unusual ones, and chunks of long ones."""

# N samples or frames

from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.errors import UserError
from tasks.speech.features import Frontend, LogMel
from tasks.speech.sound import SoundFormat, sound_format, to_mono

SILENCE = 1e-4  # largest amplitude of a recording that counts as silent: -80 dB of full scale
CLIPPED = 0.999  # amplitude from which a sample counts as clipped
MANY_CLIPPED = 0.001  # fraction of clipped samples from which a note is added
ENERGY_SECONDS = 0.02  # duration over which energy is averaged to find pauses


class Recording(NamedTuple):
    """A recording to recognize: a file, or samples (N,) or (N, channels) with their rate."""

    name: str
    path: Path | None = None
    samples: np.ndarray | None = None
    rate: int = 0


class LoadedRecording(NamedTuple):
    """What the front end reads of a recording, notes for the user, and whether there is nothing to recognize."""

    signal: np.ndarray
    notes: list[str]
    empty: bool


def load(recording: Recording, frontend: Frontend) -> LoadedRecording:
    """Read a recording for a front end. Raises UserError, naming the recording, if it cannot be used."""
    if not isinstance(frontend, LogMel):
        return _load_frames(recording, frontend)
    if recording.samples is None:
        assert recording.path is not None
        signal, form = frontend.read(str(recording.path)), sound_format(recording.path)
    else:
        samples = recording.samples
        form = SoundFormat(1 if samples.ndim == 1 else samples.shape[1], recording.rate)
        signal = to_mono(samples, recording.rate, frontend.rate, recording.name)
    notes = _format_notes(form, frontend.rate)
    if len(signal) < frontend.window * frontend.rate:
        return LoadedRecording(signal, [*notes, f"shorter than {frontend.window * 1000:g} ms: no text"], True)
    if float(np.abs(signal).max()) < SILENCE:
        return LoadedRecording(signal, [*notes, "silent: no text"], True)
    if (fraction := float((np.abs(signal) >= CLIPPED).mean())) > MANY_CLIPPED:
        notes.append(f"clipped: {fraction:.1%} of the samples have the largest amplitude")
    return LoadedRecording(signal, notes, False)


def _load_frames(recording: Recording, frontend: Frontend) -> LoadedRecording:
    if recording.path is None:
        raise UserError(
            f"{recording.name}: this model reads files of {type(frontend).__name__}, not samples; give a path instead"
        )
    signal = frontend.read(str(recording.path))
    return LoadedRecording(signal, [] if len(signal) else ["empty: no text"], not len(signal))


def _format_notes(form: SoundFormat, rate: int) -> list[str]:
    notes = [f"mean of {form.channels} channels"] if form.channels > 1 else []
    return [*notes, f"resampled from {form.rate} to {rate} Hz"] if form.rate != rate else notes


def split_at_pauses(signal: np.ndarray, frontend: Frontend, max_seconds: float) -> list[tuple[float, np.ndarray]]:
    """Split a signal into chunks of at most ``max_seconds``; returns the start of each chunk in seconds, and the chunk.

    A chunk ends at the point of lowest energy in the last quarter that it may have.
    """
    rate = frontend.rate if isinstance(frontend, LogMel) else frontend.frames_per_second
    longest, step = max(int(max_seconds * rate), 1), max(int(ENERGY_SECONDS * rate), 1)
    chunks, start = [], 0
    while len(signal) - start > longest:
        window = signal[start + 3 * longest // 4 : start + longest]
        loudness = window if window.ndim == 1 else window[:, 0] - window[:, 0].min()
        count = max(len(loudness) // step, 1)
        energy = [float(np.square(section).mean()) for section in np.array_split(loudness, count)]
        end = start + 3 * longest // 4 + int((np.argmin(energy) + 0.5) * len(window) / count)
        end = max(end, start + 1)
        chunks.append((start / rate, signal[start:end]))
        start = end
    return [*chunks, (start / rate, signal[start:])]

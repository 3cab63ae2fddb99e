"""Waveforms from sound files (wav, flac and the other formats of libsndfile): one channel at a requested rate."""

# N samples

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.errors import UserError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff")


class SoundFormat(NamedTuple):
    """Number of channels, and samples a second."""

    channels: int
    rate: int


def read_sound(path: Path, rate: int) -> np.ndarray:
    """Read a file as samples in [-1, 1], float32 (N,): the mean of its channels, resampled to ``rate``.

    Raises UserError, naming the file, if it cannot be read or holds NaN or infinite samples.
    """
    soundfile = _soundfile()
    try:
        samples, found = soundfile.read(str(path), dtype="float32")
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error
    return to_mono(samples, int(found), rate, str(path))


def to_mono(samples: np.ndarray, found: int, rate: int, name: str) -> np.ndarray:
    """Average the channels of samples (N,) or (N, channels) and resample them from rate ``found`` to ``rate``.

    Raises UserError with ``name`` for NaN or infinite samples.
    """
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    if not np.isfinite(samples).all():
        raise UserError(f"{name} holds samples that are NaN or infinite; record or convert it again")
    return resample(samples, found, rate)


def resample(samples: np.ndarray, found: int, rate: int) -> np.ndarray:
    """Resample with a band-limited filter (torchaudio's windowed sinc); equal rates return the same array."""
    if found == rate or len(samples) == 0:
        return samples
    import torch

    resampled: np.ndarray = _resampler(found, rate)(torch.from_numpy(np.ascontiguousarray(samples))).numpy()
    return resampled


def sound_format(path: Path) -> SoundFormat:
    """Read the format of a file from its header. Raises UserError as ``read_sound`` does."""
    info = _info(path)
    return SoundFormat(int(info.channels), int(info.samplerate))


def duration(path: Path) -> float:
    """Read the duration of a file in seconds from its header. Raises UserError as ``read_sound`` does."""
    info = _info(path)
    return float(info.frames) / float(info.samplerate)


@lru_cache(maxsize=8)
def _resampler(found: int, rate: int) -> Any:
    """The filters between two rates; computing them takes longer than resampling a short recording."""
    from torchaudio.transforms import Resample

    return Resample(found, rate)


def _info(path: Path) -> Any:
    soundfile = _soundfile()
    try:
        return soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    if not path.is_file():
        return UserError(f"{path} does not exist; correct the path, or remove the utterance")
    return UserError(
        f"{path} cannot be read as sound: {str(error).rpartition(': ')[2]} "
        f"The file may be damaged, or have another format than {', '.join(SUFFIXES)}. Convert it, or remove it"
    )


def _soundfile() -> Any:
    try:
        import soundfile
    except OSError as error:  # the package is installed without the C library libsndfile
        raise UserError(
            f"the package soundfile does not find the library libsndfile ({error}). Install libsndfile with the "
            "package manager of your system"
        ) from error
    return soundfile

"""Waveforms from files: wav, flac and what else libsndfile reads, as one channel at the rate that was asked for."""

# N samples

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from suite.errors import UserError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff")


def read_sound(path: Path, rate: int) -> np.ndarray:
    """Samples in [-1, 1], float32 (N,), channels averaged, resampled to ``rate``.

    Raises UserError, naming the file, where it cannot be read, has no sound in it, or holds what is no number.
    """
    samples, found = _read(path)
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds samples that are no numbers (NaN or infinite); record or convert it again")
    return resample(samples, found, rate)


def describe(path: Path, rate: int) -> list[str]:
    """What is done to a file on its way to one channel at ``rate``, in words; nothing where it is such a file."""
    info = _info(path)
    notes = [f"{info.channels} channels averaged"] if info.channels > 1 else []
    return (
        [*notes, f"resampled from {info.samplerate} to {rate} samples a second"] if info.samplerate != rate else notes
    )


def seconds_of(path: Path) -> float:
    """How long a file lasts, by its header; raises UserError as ``read_sound`` does."""
    info = _info(path)
    return float(info.frames) / float(info.samplerate)


def resample(samples: np.ndarray, found: int, rate: int) -> np.ndarray:
    """Samples at another rate, band-limited (torchaudio's windowed sinc); the same array where the rates agree."""
    if found == rate or len(samples) == 0:
        return samples
    import torch

    resampled: np.ndarray = _resampler(found, rate)(torch.from_numpy(np.ascontiguousarray(samples))).numpy()
    return resampled


@lru_cache(maxsize=8)
def _resampler(found: int, rate: int) -> Any:
    """The filters between two rates, which take longer to make than a short recording to resample."""
    try:
        from torchaudio.transforms import Resample
    except ImportError as error:
        raise UserError(
            f"resampling from {found} to {rate} samples a second needs torchaudio, which is not installed; add the "
            "extra: pip install -e '.[speech]'"
        ) from error
    return Resample(found, rate)


def _read(path: Path) -> tuple[np.ndarray, int]:
    soundfile = _library()
    try:
        samples, rate = soundfile.read(str(path), dtype="float32")
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error
    return samples, int(rate)


def _info(path: Path) -> Any:
    soundfile = _library()
    try:
        return soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    if not path.is_file():
        return UserError(f"{path} does not exist; correct the path, or leave the utterance out")
    return UserError(
        f"{path} cannot be read as sound: {str(error).rpartition(': ')[2]} "
        f"Its header may be damaged; it should be one of {', '.join(SUFFIXES)}. Convert it, or leave it out"
    )


def _library() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: a wheel without libsndfile inside
        raise UserError(
            f"reading sound needs the package soundfile ({error}); install the extra: pip install -e '.[speech]'"
        ) from error
    return soundfile

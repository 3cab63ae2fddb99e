"""Front ends: log-mel features of a waveform, and precomputed cepstra with their differences."""

# T frames, F features, N samples

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from suite.errors import UserError
from tasks.speech.augment import stretch, warp_cepstra
from tasks.speech.sound import duration, read_sound

FLOOR = 1e-6  # added to an energy before its logarithm


class Frontend(Protocol):
    """Reads recordings and computes features.

    Attributes:
        num_features: F.
        frames_per_second: of the features.
    """

    num_features: int
    frames_per_second: float

    def read(self, path: str) -> np.ndarray:
        """Read one recording: samples (N,), or frames (T, ...). Raises UserError naming the file."""
        ...

    def seconds(self, path: str) -> float:
        """Return the duration of a recording from its header. Raises UserError naming the file."""
        ...

    def perturb(self, recording: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return the recording with random changes of speed or voice, for training."""
        ...

    def features(self, recording: np.ndarray) -> Tensor:
        """Compute features (T, F); T is at least 1."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return plain values for ``frontend_from_facts``."""
        ...


class LogMel:
    """Log-mel features of a waveform.

    Args:
        rate: samples a second; every recording is resampled to it.
        num_mels: F, triangular bands on the HTK mel scale from 0 to rate / 2.
        window, shift: length and shift of a frame, in seconds.
        speed: training changes the speed by a random factor in [1 - speed, 1 + speed] (Ko et al. 2015).
    """

    def __init__(
        self, rate: int, num_mels: int, window: float = 0.025, shift: float = 0.01, speed: float = 0.0
    ) -> None:
        self.rate, self.num_mels, self.window, self.shift, self.speed = rate, num_mels, window, shift, speed
        self.num_features = num_mels
        self.frames_per_second = 1.0 / shift

    def read(self, path: str) -> np.ndarray:
        return read_sound(Path(path), self.rate)

    def seconds(self, path: str) -> float:
        return duration(Path(path))

    def perturb(self, recording: np.ndarray, random: np.random.Generator) -> np.ndarray:
        return stretch(recording, 1.0 + self.speed * random.uniform(-1.0, 1.0)) if self.speed else recording

    def features(self, recording: np.ndarray) -> Tensor:
        samples = torch.as_tensor(recording, dtype=torch.float32)
        return log_mel(samples, self.rate, self.num_mels, round(self.window * self.rate), round(self.shift * self.rate))

    def facts(self) -> dict[str, Any]:
        arguments = {name: getattr(self, name) for name in ("rate", "num_mels", "window", "shift")}
        return {"kind": "log_mel", **arguments}


class Cepstra:
    """Cepstra from files in the format of Sphinx, with first and second differences.

    A file is the number of values as a big-endian 32-bit integer, followed by the values as big-endian float32,
    ``width`` for each frame.

    Args:
        width: cepstra of a frame; F = 3 width, because differences over 5 frames are appended twice.
        frames_per_second: of the files.
        speed: training changes the speed by a random factor in [1 - speed, 1 + speed].
        warp: training warps the frequency axis by a random factor in [1 - warp, 1 + warp].
    """

    def __init__(self, width: int, frames_per_second: float = 100.0, speed: float = 0.0, warp: float = 0.0) -> None:
        self.width, self.frames_per_second, self.speed, self.warp = width, frames_per_second, speed, warp
        self.num_features = 3 * width

    def read(self, path: str) -> np.ndarray:
        """Read cepstra (T, width). Raises UserError naming the file."""
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        count = int.from_bytes(content[:4], "big")
        if len(content) != 4 + 4 * count or count % self.width:
            raise UserError(
                f"{path} is not a file of cepstra: its header states {count} values in frames of {self.width}, and "
                f"{max(len(content) - 4, 0)} bytes follow instead of {4 * count}. Download the file again, or set "
                "data.frontend.width"
            )
        return np.frombuffer(content, dtype=">f4", offset=4).reshape(-1, self.width).astype(np.float32)

    def seconds(self, path: str) -> float:
        try:
            size = Path(path).stat().st_size
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        return (size // 4 - 1) / self.width / self.frames_per_second

    def perturb(self, recording: np.ndarray, random: np.random.Generator) -> np.ndarray:
        speed, warp = random.uniform(-1.0, 1.0, size=2)
        if self.warp:
            recording = warp_cepstra(recording, 1.0 + self.warp * warp)
        return stretch(recording, 1.0 + self.speed * speed) if self.speed else recording

    def features(self, recording: np.ndarray) -> Tensor:
        static = torch.as_tensor(recording)
        if len(static) == 0:
            static = torch.zeros(1, self.width)
        first = differences(static)
        return torch.cat([static, first, differences(first)], dim=1)

    def facts(self) -> dict[str, Any]:
        return {"kind": "cepstra", "width": self.width, "frames_per_second": self.frames_per_second}


def frontend_from_facts(facts: Mapping[str, Any]) -> Frontend:
    """Return the front end that ``Frontend.facts`` describes."""
    arguments = {name: value for name, value in facts.items() if name != "kind"}
    return LogMel(**arguments) if facts["kind"] == "log_mel" else Cepstra(**arguments)


def differences(x: Tensor, reach: int = 2) -> Tensor:
    """Return the slope of the regression line through 2 ``reach`` + 1 frames, edges repeated: (T, F) -> (T, F).

    d[t] = sum over k = 1..reach of k (x[t + k] - x[t - k]) / (2 sum of k^2)   (Young et al. 2006, eq. 5.16)
    """
    frames = torch.arange(len(x))
    total = torch.zeros_like(x)
    for k in range(1, reach + 1):
        total += k * (x[(frames + k).clamp(max=len(x) - 1)] - x[(frames - k).clamp(min=0)])
    return total / (2 * sum(k * k for k in range(1, reach + 1)))


def log_mel(samples: Tensor, rate: int, num_mels: int, window: int, shift: int) -> Tensor:
    """Return log(mel + floor) of the power spectrum of Hann-windowed frames: (N,) or (B, N) -> (..., T, num_mels).

    The mel energies equal those of torchaudio's ``MelSpectrogram(rate, n_fft=window, hop_length=shift, n_mels=num_mels,
    center=False)`` with its defaults (power 2, HTK mel scale, no norm). This function is faster: it transposes nothing,
    processes one recording at a time, which fits into the cache, and adds the squares of real and imaginary parts in
    the matrix product with the bands, which hold each row twice. Fewer samples than a window are padded with zeros.
    """
    if samples.dim() > 1:
        return torch.stack([log_mel(one, rate, num_mels, window, shift) for one in samples])
    if len(samples) < window:
        samples = torch.nn.functional.pad(samples, (0, window - len(samples)))
    hann, bands = _tables(rate, num_mels, window)
    spectrum = torch.view_as_real(torch.fft.rfft(samples.unfold(0, window, shift) * hann))  # (T, bins, 2)
    return (spectrum.flatten(1).square_() @ bands).add_(FLOOR).log_()


@lru_cache(maxsize=8)
def _tables(rate: int, num_mels: int, window: int) -> tuple[Tensor, Tensor]:
    """Hann window (window,) and bands (2 (window // 2 + 1), num_mels), in which each row appears twice."""
    top = 2595.0 * math.log10(1.0 + (rate // 2) / 700.0)
    edges = 700.0 * (10.0 ** (torch.linspace(0.0, top, num_mels + 2, dtype=torch.float64) / 2595.0) - 1.0)
    bins = torch.linspace(0, rate // 2, window // 2 + 1, dtype=torch.float64)
    slopes = edges - bins[:, None]
    widths = edges.diff()
    bands = torch.minimum(-slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]).clamp(min=0.0)
    return torch.hann_window(window), bands.float().repeat_interleave(2, dim=0)

"""From a recording to features: log-mel energies of a waveform, or cepstra that others computed."""

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
from tasks.speech.sound import read_sound, seconds_of

FLOOR = 1e-6  # of an energy, before its logarithm


class Frontend(Protocol):
    """Reads recordings and makes features of them; ``facts`` are plain values that make it again."""

    num_features: int
    frames_per_second: float

    def read(self, path: str) -> np.ndarray:
        """One recording: samples (N,), or frames (T, ...). Raises UserError naming the file."""
        ...

    def seconds(self, path: str) -> float:
        """How long a recording lasts, without reading it whole."""
        ...

    def perturb(self, recording: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The recording spoken a little differently, for training."""
        ...

    def features(self, recording: np.ndarray) -> Tensor:
        """Features (T, F), T at least 1."""
        ...

    def facts(self) -> dict[str, Any]:
        """What makes this front end again, with ``from_facts``."""
        ...


class LogMel:
    """Logarithms of mel-band energies.

    Args:
        rate: samples a second that every recording is brought to.
        num_mels: bands F, triangles on the mel scale of HTK from 0 to rate / 2.
        window, shift: of a frame, in seconds.
        speed: training plays a recording up to this share faster or slower (Ko et al. 2015); 0 for never.
    """

    def __init__(
        self, rate: int = 16000, num_mels: int = 80, window: float = 0.025, shift: float = 0.01, speed: float = 0.0
    ) -> None:
        self.rate, self.num_mels, self.window, self.shift, self.speed = rate, num_mels, window, shift, speed
        self.num_features = num_mels
        self.frames_per_second = 1.0 / shift

    def read(self, path: str) -> np.ndarray:  # noqa: D102
        return read_sound(Path(path), self.rate)

    def seconds(self, path: str) -> float:  # noqa: D102
        return seconds_of(Path(path))

    def perturb(self, recording: np.ndarray, random: np.random.Generator) -> np.ndarray:  # noqa: D102
        return stretch(recording, 1.0 + self.speed * random.uniform(-1.0, 1.0)) if self.speed else recording

    def features(self, recording: np.ndarray) -> Tensor:  # noqa: D102
        samples = torch.as_tensor(recording, dtype=torch.float32)
        return log_mel(samples, self.rate, self.num_mels, round(self.window * self.rate), round(self.shift * self.rate))

    def facts(self) -> dict[str, Any]:  # noqa: D102
        known = {name: getattr(self, name) for name in ("rate", "num_mels", "window", "shift")}
        return {"kind": "log_mel", **known}


class Cepstra:
    """Cepstra in Sphinx's form, with the differences that say how they change.

    A file is a big-endian 32-bit number of values, then as many big-endian float32, ``width`` a frame.

    Args:
        width: cepstra of a frame; F = 3 width: cepstra, first and second differences over 5 frames.
        frames_per_second: of the files.
        speed: training stretches time by up to this share; 0 for never.
        warp: training warps the frequency axis by up to this share, as another vocal tract would; 0 for never.
    """

    def __init__(
        self, width: int = 13, frames_per_second: float = 100.0, speed: float = 0.0, warp: float = 0.0
    ) -> None:
        self.width, self.frames_per_second, self.speed, self.warp = width, frames_per_second, speed, warp
        self.num_features = 3 * width

    def read(self, path: str) -> np.ndarray:
        """Cepstra (T, width)."""
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        count = int.from_bytes(content[:4], "big")
        if len(content) != 4 + 4 * count or count % self.width:
            raise UserError(
                f"{path} is no file of cepstra: it promises {count} values of 4 bytes in frames of {self.width} and "
                f"holds {max(len(content) - 4, 0)} bytes. Get the file again, or set data.frontend.width"
            )
        return np.frombuffer(content, dtype=">f4", offset=4).reshape(-1, self.width).astype(np.float32)

    def seconds(self, path: str) -> float:  # noqa: D102
        try:
            size = Path(path).stat().st_size
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        return (size // 4 - 1) / self.width / self.frames_per_second

    def perturb(self, recording: np.ndarray, random: np.random.Generator) -> np.ndarray:  # noqa: D102
        faster, warped = random.uniform(-1.0, 1.0, size=2)
        if self.warp:
            recording = warp_cepstra(recording, 1.0 + self.warp * warped)
        return stretch(recording, 1.0 + self.speed * faster) if self.speed else recording

    def features(self, recording: np.ndarray) -> Tensor:  # noqa: D102
        static = torch.as_tensor(recording)
        if len(static) == 0:
            static = torch.zeros(1, self.width)
        first = differences(static)
        return torch.cat([static, first, differences(first)], dim=1)

    def facts(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": "cepstra", "width": self.width, "frames_per_second": self.frames_per_second}


def from_facts(facts: Mapping[str, Any]) -> Frontend:
    """The front end that a checkpoint remembers."""
    options = {name: value for name, value in facts.items() if name != "kind"}
    return LogMel(**options) if facts["kind"] == "log_mel" else Cepstra(**options)


def differences(x: Tensor, reach: int = 2) -> Tensor:
    """The slope of the line through 2 ``reach`` + 1 frames, edges repeated: (T, F) -> (T, F).

    d[t] = sum over k = 1..reach of k (x[t + k] - x[t - k]) / (2 sum of k^2)   (Young et al. 2006, eq. 5.16)
    """
    frames = torch.arange(len(x))
    total = torch.zeros_like(x)
    for k in range(1, reach + 1):
        total += k * (x[(frames + k).clamp(max=len(x) - 1)] - x[(frames - k).clamp(min=0)])
    return total / (2 * sum(k * k for k in range(1, reach + 1)))


def log_mel(samples: Tensor, rate: int, num_mels: int, window: int, shift: int) -> Tensor:
    """log(mel + floor) of the power spectrum of frames under a Hann window: (N,) or (B, N) -> (..., T, num_mels).

    The values are those of torchaudio's ``MelSpectrogram(rate, n_fft=window, hop_length=shift, n_mels=num_mels,
    center=False)`` in its defaults (power 2, HTK's mel scale, no norm). It is faster because nothing is transposed, one
    recording is worked on at a time, which stays in the cache, and the matrix product with the bands also adds the
    squares of real and imaginary parts: every band stands in it twice. Samples that fill no frame are filled up with
    zeros to one.
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
    """Hann window (window,) and bands (2 (window // 2 + 1), num_mels), each row twice."""
    top = 2595.0 * math.log10(1.0 + (rate // 2) / 700.0)
    edges = 700.0 * (10.0 ** (torch.linspace(0.0, top, num_mels + 2, dtype=torch.float64) / 2595.0) - 1.0)
    bins = torch.linspace(0, rate // 2, window // 2 + 1, dtype=torch.float64)
    slopes = edges - bins[:, None]
    widths = edges.diff()
    bands = torch.minimum(-slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]).clamp(min=0.0)
    return torch.hann_window(window), bands.float().repeat_interleave(2, dim=0)

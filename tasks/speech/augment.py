"""The same words spoken a little differently: training sees no recording twice."""

# T frames, F features, N samples

from functools import lru_cache

import numpy as np
from torch import Tensor

STEPS = 100  # of the frequency warp between two shares that differ by 1: tables are kept for each


class SpecAugment:
    """Stretches of time and bands of frequency become 0, the mean of normalised features.

    (Park et al. 2019, section 2; time warping is the front end's ``speed``)

    Args:
        time_masks: masks an utterance; each covers up to ``time_share`` of its frames, at most ``time_frames``.
        frequency_masks, frequency_width: number and largest width of masks over features.
    """

    def __init__(
        self,
        time_masks: int = 2,
        time_frames: int = 40,
        time_share: float = 0.2,
        frequency_masks: int = 2,
        frequency_width: int = 27,
    ) -> None:
        self.time_masks, self.time_frames, self.time_share = time_masks, time_frames, time_share
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width

    def __call__(self, features: Tensor, random: np.random.Generator) -> Tensor:
        """Mask (T, F) in place, and return it."""
        num_frames, num_features = features.shape
        longest = min(self.time_frames, int(self.time_share * num_frames))
        for _ in range(self.time_masks):
            start, length = _stretch_of(num_frames, longest, random)
            features[start : start + length] = 0.0
        for _ in range(self.frequency_masks):
            start, length = _stretch_of(num_features, min(self.frequency_width, num_features - 1), random)
            features[:, start : start + length] = 0.0
        return features


def _stretch_of(total: int, longest: int, random: np.random.Generator) -> tuple[int, int]:
    length = int(random.integers(0, longest + 1))
    return int(random.integers(0, total - length + 1)), length


def stretch(recording: np.ndarray, speed: float) -> np.ndarray:
    """Read ``speed`` times as fast, between neighbours linearly: (N, ...) -> (about N / speed, ...).

    Of a waveform this changes tempo and pitch, as a tape played faster (Ko et al. 2015); of frames the tempo alone.
    """
    count = max(1, round(len(recording) / speed))
    if len(recording) < 2:
        return recording
    place = np.linspace(0.0, len(recording) - 1, count)
    before = np.minimum(place.astype(np.int64), len(recording) - 2)
    share = (place - before).astype(recording.dtype).reshape(-1, *[1] * (recording.ndim - 1))
    return recording[before] * (1 - share) + recording[before + 1] * share


def warp_cepstra(cepstra: np.ndarray, factor: float) -> np.ndarray:
    """The cepstra of a voice whose vocal tract is ``factor`` times as short: (T, F) -> (T, F).

    Cepstra are the cosine transform of a smooth log spectrum over mel bands, so they give that spectrum at any
    frequency; it is read at warped frequencies and transformed back. All of that is one matrix (Pitz & Ney 2005).
    """
    return cepstra @ _warp(cepstra.shape[1], round(factor * STEPS))


@lru_cache(maxsize=2 * STEPS)
def _warp(width: int, steps: int, bands: int = 40) -> np.ndarray:
    order = np.arange(width)
    middles = (np.arange(bands) + 0.5) / bands  # of the bands, as shares of the mel axis
    top = 2595.0 * np.log10(1.0 + 8000.0 / 700.0)
    hertz = 700.0 * (10.0 ** (middles * top / 2595.0) - 1.0)
    factor = steps / STEPS
    knee = 6000.0 / max(factor, 1.0)  # above it a straight line leads to the top, so that no band leaves the axis
    low = hertz * factor
    high = 8000.0 - (8000.0 - factor * knee) * (8000.0 - hertz) / (8000.0 - knee)
    warped = np.where(hertz <= knee, low, high)
    moved = 2595.0 * np.log10(1.0 + warped / 700.0) / top
    synthesis = np.cos(np.pi * moved[:, None] * order)  # (bands, width): the spectrum at warped frequencies
    analysis = np.linalg.pinv(np.cos(np.pi * middles[:, None] * order))  # (width, bands)
    return (analysis @ synthesis).T.astype(np.float32)

"""Augmentation of recordings and features for training."""

# T frames, F features, N samples

from functools import lru_cache

import numpy as np
from torch import Tensor

WARP_STEPS = 100  # warp factors are rounded to multiples of 1 / WARP_STEPS, so that their matrices can be cached


class SpecAugment:
    """SpecAugment without time warping (Park et al. 2019, section 2).

    Sets random intervals of frames and of features to 0, the mean of normalized features. The front ends change the
    speed instead of warping time.

    Args:
        time_masks: number of masks over frames.
        time_frames: largest width of such a mask, in frames.
        time_fraction: largest width of such a mask, as a fraction of the utterance; the smaller bound applies.
        frequency_masks: number of masks over features.
        frequency_width: largest width of such a mask.
    """

    def __init__(
        self, time_masks: int, time_frames: int, time_fraction: float, frequency_masks: int, frequency_width: int
    ) -> None:
        self.time_masks, self.time_frames, self.time_fraction = time_masks, time_frames, time_fraction
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width

    def __call__(self, features: Tensor, random: np.random.Generator) -> Tensor:
        """Mask features (T, F) in place and return them."""
        num_frames, num_features = features.shape
        longest = min(self.time_frames, int(self.time_fraction * num_frames))
        for _ in range(self.time_masks):
            start, length = _random_interval(num_frames, longest, random)
            features[start : start + length] = 0.0
        for _ in range(self.frequency_masks):
            start, length = _random_interval(num_features, min(self.frequency_width, num_features - 1), random)
            features[:, start : start + length] = 0.0
        return features


def _random_interval(total: int, longest: int, random: np.random.Generator) -> tuple[int, int]:
    length = int(random.integers(0, longest + 1))
    return int(random.integers(0, total - length + 1)), length


def stretch(recording: np.ndarray, speed: float) -> np.ndarray:
    """Change the speed by linear interpolation: (N, ...) -> (round(N / speed), ...).

    For a waveform this changes tempo and pitch (Ko et al. 2015), for frames the tempo alone.

    >>> stretch(np.arange(5.0), 2.0).tolist()
    [0.0, 4.0]
    """
    count = max(1, round(len(recording) / speed))
    if len(recording) < 2:
        return recording
    place = np.linspace(0.0, len(recording) - 1, count)
    before = np.minimum(place.astype(np.int64), len(recording) - 2)
    share = (place - before).astype(recording.dtype).reshape(-1, *[1] * (recording.ndim - 1))
    return recording[before] * (1 - share) + recording[before + 1] * share


def warp_cepstra(cepstra: np.ndarray, factor: float) -> np.ndarray:
    """Warp the frequency axis of cepstra, as a vocal tract shorter by ``factor`` does: (T, F) -> (T, F).

    Cepstra are the cosine transform of a smooth log spectrum over mel bands, so they define that spectrum at every
    frequency. It is sampled at warped frequencies and transformed back, which is one matrix product (Pitz & Ney 2005).
    """
    return cepstra @ _warp_matrix(cepstra.shape[1], round(factor * WARP_STEPS))


@lru_cache(maxsize=2 * WARP_STEPS)
def _warp_matrix(width: int, steps: int, bands: int = 40) -> np.ndarray:
    order = np.arange(width)
    middles = (np.arange(bands) + 0.5) / bands  # of the bands, as fractions of the mel axis
    top = 2595.0 * np.log10(1.0 + 8000.0 / 700.0)
    hertz = 700.0 * (10.0 ** (middles * top / 2595.0) - 1.0)
    factor = steps / WARP_STEPS
    knee = 6000.0 / max(factor, 1.0)  # above it the warp is linear up to the top, so that no band leaves the axis
    low = hertz * factor
    high = 8000.0 - (8000.0 - factor * knee) * (8000.0 - hertz) / (8000.0 - knee)
    warped = np.where(hertz <= knee, low, high)
    moved = 2595.0 * np.log10(1.0 + warped / 700.0) / top
    synthesis = np.cos(np.pi * moved[:, None] * order)  # (bands, width): the spectrum at warped frequencies
    analysis = np.linalg.pinv(np.cos(np.pi * middles[:, None] * order))  # (width, bands)
    return (analysis @ synthesis).T.astype(np.float32)

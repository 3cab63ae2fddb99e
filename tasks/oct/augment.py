"""Augmentation of a whole batch; the result for a scan depends on seed, epoch and scan only."""

# B batch, C channels, H height, W width

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Draws:
    """Random numbers: the k-th number of a scan in an epoch does not depend on its batch.

    They are hashes of a counter (SplitMix64, Steele et al. 2014), and are the same on each ``device``.
    """

    def __init__(self, seed: int, epoch: int, scans: np.ndarray, device: torch.device | str = "cpu") -> None:
        self.device = device
        with np.errstate(over="ignore"):
            self._state = _mix(_mix(np.uint64(seed) + np.uint64(epoch) * _STEP) + scans.astype(np.uint64) * _STEP)
        self._count = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return one number for each scan, (B,) float32 in [low, high)."""
        self._count += 1
        with np.errstate(over="ignore"):
            bits = _mix(self._state + np.uint64(self._count) * _STEP) >> np.uint64(40)
        return torch.from_numpy((bits.astype(np.float64) / 2**24 * (high - low) + low).astype(np.float32)).to(
            self.device
        )


_STEP = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray | np.uint64) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


class Augmented(NamedTuple):
    """Augmented ``pixels`` (B, C, H, W) float32, and ``lesions`` (B, H, W) uint8 with the same geometry."""

    pixels: Tensor
    lesions: Tensor


class Augment:
    """Random geometry and random intensities; 0 turns an augmentation off.

    Args:
        flip: probability of mirroring left and right.
        shift: largest shift along each side, as a fraction of the side.
        zoom: largest change of the scale of each side, as a logarithm; the two sides are independent.
        rotate: largest angle, in degrees.
        still: fraction of the scans that are mirrored at most. Other scans are interpolated, hence slightly blurred;
            the scans of evaluation are not.
        light: largest change of brightness, as a fraction of the full range.
        contrast: largest change of contrast around the scan's mean, as a fraction.
        gamma: largest exponent of the grey values, as log2: 1 is from the square root to the square.
        erase: probability that a rectangle of up to a third of each side is erased.
    """

    def __init__(
        self,
        flip: float = 0.0,
        shift: float = 0.0,
        zoom: float = 0.0,
        rotate: float = 0.0,
        still: float = 0.0,
        light: float = 0.0,
        contrast: float = 0.0,
        gamma: float = 0.0,
        erase: float = 0.0,
    ) -> None:
        self.flip, self.shift, self.zoom, self.rotate, self.still = flip, shift, zoom, rotate, still
        self.light, self.contrast, self.gamma, self.erase = light, contrast, gamma, erase

    def __call__(self, pixels: Tensor, lesions: Tensor, draws: Draws) -> Augmented:
        """Augment pixels (B, C, H, W) in 0..1 and lesions (B, H, W) uint8."""
        if self.flip or self.shift or self.zoom or self.rotate:
            pixels, lesions = self._move(pixels, lesions, draws)
        return Augmented(self._blank(self._shade(pixels, draws), draws), lesions)

    def _move(self, pixels: Tensor, lesions: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        height, width = pixels.shape[2:]
        moves = (draws.uniform() >= self.still).float()
        across, down = (torch.exp(moves * draws.uniform(-self.zoom, self.zoom)) for _ in range(2))
        across = torch.where(draws.uniform() < self.flip, -across, across)
        angle = moves * draws.uniform(-self.rotate, self.rotate) * (torch.pi / 180)
        x, y = (2 * moves * draws.uniform(-self.shift, self.shift) for _ in range(2))
        sine, cosine, aspect = angle.sin(), angle.cos(), height / width
        rows = (across * cosine, -down * sine * aspect, x, across * sine / aspect, down * cosine, y)
        grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(pixels.shape), align_corners=False)
        moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        if not lesions.any():
            return moved, lesions
        masks = F.grid_sample(lesions[:, None].float(), grid, mode="nearest", align_corners=False)
        return moved, masks[:, 0].to(torch.uint8)

    def _shade(self, pixels: Tensor, draws: Draws) -> Tensor:
        if self.gamma:
            pixels = pixels.clamp(min=1e-4) ** torch.exp2(draws.uniform(-self.gamma, self.gamma))[:, None, None, None]
        if self.contrast:
            mean = pixels.mean((1, 2, 3), keepdim=True)
            pixels = mean + (pixels - mean) * (1 + draws.uniform(-self.contrast, self.contrast))[:, None, None, None]
        if self.light:
            pixels = pixels + draws.uniform(-self.light, self.light)[:, None, None, None]
        return pixels

    def _blank(self, pixels: Tensor, draws: Draws) -> Tensor:
        if not self.erase:
            return pixels
        inside = draws.uniform() < self.erase
        masks = []
        for size in pixels.shape[2:]:
            length, middle = draws.uniform(0.1, 0.33) * size, draws.uniform() * size
            masks.append((torch.arange(size, device=pixels.device) + 0.5 - middle[:, None]).abs() < length[:, None] / 2)
        blank = masks[0][:, None, :, None] & masks[1][:, None, None, :] & inside[:, None, None, None]
        return torch.where(blank, pixels.mean((2, 3), keepdim=True), pixels)

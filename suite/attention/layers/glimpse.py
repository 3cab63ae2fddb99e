"""The glimpse sensor of the recurrent attention model: sharp where it looks, coarse around."""

# B batch, C channels, H height, W width of an image, K scales, G side of a glimpse

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GlimpseSensor(nn.Module):
    """Patches around a place, each twice as wide as the one before, all brought to the same few pixels.

    rho(x, l)[k] = the square of side 2^k G around l, averaged down to G x G, k = 0..K-1   (Mnih et al. 2014, fig. 1A)

    A place l is (y, x) in [-1, 1]^2, (0, 0) the middle of the image, corners at the middles of the corner pixels.
    Outside the image there are zeros. Sampling is bilinear, so where the place comes from a network it has a gradient;
    the paper's policy is drawn from a normal distribution and learns by REINFORCE.

    Shape: images (B, C, H, W), place (B, 2) -> (B, K, C, G, G). Raises ValueError for other shapes.

    >>> GlimpseSensor(size=4, scales=3)(torch.randn(2, 1, 28, 28), torch.zeros(2, 2)).shape
    torch.Size([2, 3, 1, 4, 4])
    """

    def __init__(self, size: int = 8, scales: int = 3) -> None:
        super().__init__()
        self.size, self.scales = size, scales

    def forward(self, images: Tensor, place: Tensor) -> Tensor:  # noqa: D102
        if images.dim() != 4 or place.shape != (images.shape[0], 2):
            raise ValueError(
                f"images must be (B, C, H, W) and place (B, 2), got {tuple(images.shape)} and {tuple(place.shape)}"
            )
        return torch.stack([self._patch(images, place, 2**k) for k in range(self.scales)], dim=1)

    def _patch(self, images: Tensor, place: Tensor, stride: int) -> Tensor:
        height, width = images.shape[2:]
        side = self.size * stride
        steps = torch.arange(side, device=images.device, dtype=images.dtype) - (side - 1) / 2  # pixels from the middle
        y = place[:, :1] + steps * (2 / max(height - 1, 1))  # (B, side)
        x = place[:, 1:] + steps * (2 / max(width - 1, 1))
        grid = torch.stack([x[:, None, :].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], dim=-1)
        return F.avg_pool2d(F.grid_sample(images, grid, align_corners=True), stride)

"""The glimpse sensor of the recurrent attention model."""

# B batch, C channels, H height, W width of an image, K scales, G side of a glimpse

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GlimpseSensor(nn.Module):
    """Patches around a place in an image at several scales: fine at the centre, coarse around it.

    rho(x, l)[k] = the square of side 2^k G around l, averaged down to G x G, k = 0..K-1   (Mnih et al. 2014, fig. 1A)

    A place l is (y, x) in [-1, 1]^2: (0, 0) is the centre of the image, and the corners are the centres of the corner
    pixels. Pixels outside the image are 0. Sampling is bilinear, so the place has a gradient. (The policy of the paper
    is sampled from a normal distribution and learns by REINFORCE.)

    Shape: images (B, C, H, W), place (B, 2) -> (B, K, C, G, G). Raises ValueError for other shapes.

    >>> GlimpseSensor(size=4, scales=3)(torch.randn(2, 1, 28, 28), torch.zeros(2, 2)).shape
    torch.Size([2, 3, 1, 4, 4])
    """

    def __init__(self, size: int = 8, scales: int = 3) -> None:
        super().__init__()
        self.size, self.scales = size, scales

    def forward(self, images: Tensor, place: Tensor) -> Tensor:
        if images.dim() != 4 or place.shape != (images.shape[0], 2):
            raise ValueError(
                f"images must be (B, C, H, W) and place (B, 2), got {tuple(images.shape)} and {tuple(place.shape)}"
            )
        return torch.stack([self._patch(images, place, 2**k) for k in range(self.scales)], dim=1)

    def _patch(self, images: Tensor, place: Tensor, stride: int) -> Tensor:
        height, width = images.shape[2:]
        side = self.size * stride
        steps = torch.arange(side, device=images.device, dtype=images.dtype) - (side - 1) / 2  # pixels from the centre
        y = place[:, :1] + steps * (2 / max(height - 1, 1))  # (B, side)
        x = place[:, 1:] + steps * (2 / max(width - 1, 1))
        grid = torch.stack([x[:, None, :].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], dim=-1)
        return F.avg_pool2d(F.grid_sample(images, grid, align_corners=True), stride)

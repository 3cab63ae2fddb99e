"""Losses on the attention and on the lesions of scans."""

# B scans, G heads, K kinds of lesions, H height, W width

import torch
import torch.nn.functional as F
from torch import Tensor


def mix(x: Tensor, own: Tensor) -> Tensor:
    """Mix each sample with the one before it: own x[n] + (1 - own) x[n - 1]  (Zhang et al. 2018)."""
    own = own.view(-1, *[1] * (x.dim() - 1))
    return own * x + (1 - own) * x.roll(1, 0)


def lesion_maps(lesions: Tensor) -> Tensor | None:
    """Return masks (B, H, W) as maps of each kind, (B, 8, H, W) float, or None if there is no lesion."""
    if not lesions.any():
        return None
    return ((lesions[:, None] >> torch.arange(8, device=lesions.device).view(1, 8, 1, 1)) & 1).float()


def looking_loss(weights: Tensor, lesions: Tensor) -> Tensor:
    """Cross-entropy between lesions and attention, the mean over heads and scans with lesions.

    -sum over regions of m log a,  where m is the fraction of the lesion area in each region, and a the attention.

    Shape: weights (B, G, H, W), lesions (B, K, h, w) of any larger grid.
    """
    area = F.adaptive_avg_pool2d(lesions.amax(1, keepdim=True), (weights.shape[2], weights.shape[3]))
    total = area.sum((1, 2, 3))
    outlined = total > 0
    if not bool(outlined.any()):
        return weights.sum() * 0.0
    target = area[outlined] / total[outlined].view(-1, 1, 1, 1)
    return -(target * weights[outlined].clamp(min=1e-8).log()).sum((2, 3)).mean()


def finding_loss(scores: Tensor, lesions: Tensor) -> Tensor:
    """Binary cross-entropy of each kind of lesion in each region, summed over the kinds.

    The target is the fraction of the region that the lesions cover; regions with a lesion have the weight 10.

    Shape: scores (B, K, H, W), lesions (B, K, h, w).
    """
    area = F.adaptive_avg_pool2d(lesions, (scores.shape[2], scores.shape[3]))
    loss = F.binary_cross_entropy_with_logits(scores, area, reduction="none") * (1.0 + 9.0 * (area > 0))
    return loss.sum(1).mean()

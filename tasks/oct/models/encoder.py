"""Regions of a scan, by convolutions, and attention that pools them."""

# B scans, C channels, H height, W width of a map, E width of a region, G heads, K kinds of lesions

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.build import build_attention
from suite.attention.layers.pooling import AttentionPooling
from tasks.oct.models.blocks import Residual, make_gate


def standardise(pixels: Tensor) -> Tensor:
    """Standardise each scan to mean 0 and deviation 1, since brightness depends on the device."""
    deviation, mean = torch.std_mean(pixels, dim=(1, 2, 3), keepdim=True)
    return (pixels - mean) / (deviation + 1e-3)


class RegionPooling(nn.Module):
    """Attention pooling over the regions of a map with ``num_heads`` learnt queries.

    Shape: (B, E, H, W) -> context (B, G E), weights (B, G, H, W).
    """

    def __init__(self, embed_dim: int, num_heads: int, head_dim: int, attention: Mapping[str, Any]) -> None:
        super().__init__()
        built = build_attention(attention, num_heads=num_heads, head_dim=head_dim)
        self.pooling = AttentionPooling(embed_dim, built, num_heads, head_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        context, weights = self.pooling(x.flatten(2).transpose(1, 2))
        assert weights is not None
        return context, weights.squeeze(2).unflatten(-1, x.shape[2:])


class EncodedScans(NamedTuple):
    """Pooled vectors (B, G E), attention to the regions (B, G, H, W), and scores of lesions (B, K, H, W) or None."""

    pooled: Tensor
    weights: Tensor
    lesions: Tensor | None


class RegionEncoder(nn.Module):
    """Convolutions with a choice of gates, then attention over regions of the map.

    Stage s halves the map and has ``widths[s]`` channels. The maps of the stages from ``finest`` on (0 is the first)
    are projected to one width, interpolated to the grid of stage ``finest`` and summed (Lin et al. 2017): a region has
    features of several scales. The regions are pooled by attention.

    Args:
        num_channels: of a scan.
        num_lesions: number of kinds of lesions for which each region is scored; 0 for none.
        widths: channels of each stage.
        blocks: residual blocks in each stage.
        finest: index of the stage whose grid the regions have.
        gate: none, se, eca, cbam or residual, in each block (``suite.attention.layers.gates``).
        embed_dim: E, width of a region.
        num_heads, head_dim: number and width of the learnt queries of the pooling.
        attention: score and alignment of the pooling.

    Shape: pixels (B, C, H, W) -> EncodedScans, on a grid of H / 2^(finest + 1) x W / 2^(finest + 1), rounded up. Raises
    ValueError for a stage or gate that does not exist.
    """

    def __init__(
        self,
        num_channels: int,
        num_lesions: int = 0,
        widths: Sequence[int] = (16, 32, 64),
        blocks: int = 1,
        finest: int = 1,
        gate: str = "none",
        embed_dim: int = 64,
        num_heads: int = 1,
        head_dim: int = 32,
        attention: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= finest < len(widths):
            raise ValueError(f"finest must be the index of a stage, from 0 to {len(widths) - 1}, got {finest}")
        self.finest, self.width = finest, num_heads * embed_dim
        stages, width = [], num_channels
        for channels in widths:
            first = Residual(width, channels, stride=2, gate=make_gate(gate, channels))
            rest = [Residual(channels, channels, gate=make_gate(gate, channels)) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(first, *rest))
            width = channels
        self.stages = nn.ModuleList(stages)
        self.laterals = nn.ModuleList([nn.Conv2d(channels, embed_dim, 1) for channels in widths[finest:]])
        self.merge = nn.Sequential(nn.BatchNorm2d(embed_dim), nn.ReLU())
        self.pooling = RegionPooling(embed_dim, num_heads, head_dim, attention or {})
        self.lesions = nn.Conv2d(embed_dim, num_lesions, 1) if num_lesions else None
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster on a CPU

    def forward(self, pixels: Tensor) -> EncodedScans:
        regions = self.regions(pixels)
        pooled, weights = self.pooling(regions)
        return EncodedScans(pooled, weights, None if self.lesions is None else self.lesions(regions))

    def regions(self, pixels: Tensor) -> Tensor:
        """Return the map that is pooled, (B, E, H', W')."""
        x = standardise(pixels).contiguous(memory_format=torch.channels_last)
        total: Tensor | None = None
        for place, stage in enumerate(self.stages):
            x = stage(x)
            if place < self.finest:
                continue
            lateral = self.laterals[place - self.finest](x)
            if total is None:
                total = lateral
            else:
                total = total + F.interpolate(lateral, total.shape[2:], mode="bilinear", align_corners=False)
        regions: Tensor = self.merge(total)
        return regions

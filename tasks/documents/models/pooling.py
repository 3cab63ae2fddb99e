"""Poolings of the rows of a segment: attention, and controls without attention."""

# M rows, N segments, E width, H heads

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from suite.attention.build import build_edge_attention
from suite.attention.functional import AttentionOutput
from suite.attention.layers.pooling import SegmentPooling
from suite.attention.ragged.segments import Segments, segment_sum, take_rows


class AttendedPooling(SegmentPooling):
    """A ``SegmentPooling`` with the score of an attention config; raises ValueError for an invalid config."""

    def __init__(self, embed_dim: int, attention: Mapping[str, Any], head_dim: int = 100, num_heads: int = 1) -> None:
        chosen = build_edge_attention(attention, num_heads=num_heads, head_dim=head_dim)
        super().__init__(embed_dim, chosen, num_heads, head_dim)


class AveragePooling(nn.Module):
    """The mean of each segment: HN-AVE (Yang et al. 2016, table 2). An empty segment gives zeros."""

    num_heads = 1

    def __init__(self, embed_dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, *, segments: Segments) -> AttentionOutput:
        """Pool (M, E) to (N, E); the weights (M, 1) are equal within a segment."""
        share = (1.0 / segments.lengths.clamp(min=1)).to(x.dtype)
        return AttentionOutput(segment_sum(x, segments) * share[:, None], share[segments.ids][:, None])


class MaxPooling(nn.Module):
    """The largest value of each column: HN-MAX (Yang et al. 2016, table 2). An empty segment gives zeros.

    ``weights`` (M, 1) is the fraction of columns in which a row has the largest value.
    """

    num_heads = 1

    def __init__(self, embed_dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, *, segments: Segments) -> AttentionOutput:
        """Pool (M, E) to (N, E)."""
        if len(x) == 0:
            return AttentionOutput(x.new_zeros(len(segments), x.shape[1]), x.new_zeros(0, 1))
        largest = torch.segment_reduce(x, "max", offsets=segments.offsets)
        largest = largest.masked_fill((segments.lengths == 0)[:, None], 0.0)
        with torch.no_grad():
            share = (x == largest[segments.ids]).to(x.dtype).mean(dim=1, keepdim=True)
        return AttentionOutput(largest, share)


class LastState(nn.Module):
    """The last row of each segment: a recurrent network without attention. An empty segment gives zeros."""

    num_heads = 1

    def __init__(self, embed_dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, *, segments: Segments) -> AttentionOutput:
        """Pool (M, E) to (N, E)."""
        weights = x.new_zeros(len(x), 1)
        filled = segments.lengths > 0
        last = segments.offsets[1:][filled] - 1
        weights[last] = 1.0
        context = x.new_zeros(len(segments), x.shape[1])
        context[filled] = take_rows(x, last)
        return AttentionOutput(context, weights)

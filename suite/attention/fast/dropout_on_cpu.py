"""Softmax attention on a CPU with dropout: in pieces that stay in the cache, with a cheap mask."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.operators.dropout import LANES, keep_mask
from suite.attention.operators.joint_projection import side_by_side

PIECE = 1 << 18  # scores in one piece: 1 MiB of float32, about the second-level cache of one core


class Band(NamedTuple):
    """Some queries, and how many keys from the first on they may attend to at most."""

    queries: slice
    keys: int


def causal_bands(num_queries: int, num_keys: int) -> list[Band]:
    """Four bands, or bands of 64 queries: they hold 5/8 of all pairs, or less, and all that are causal."""
    size = max(32, min(64, -(-num_queries // 4)))
    offset = num_keys - num_queries
    starts = range(0, num_queries, size)
    return [Band(slice(a, a + size), max(0, min(a + size + offset, num_keys))) for a in starts]


def attend_streamed(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, bands: list[Band] | None = None
) -> Tensor:
    """context = dropout(softmax over s of query . key) @ value, with the query already scaled.

    torch's own kernel takes no dropout on a CPU and falls back to whole-tensor operators, which is 2 to 5 times slower
    at 200 queries and more. Here a few heads at a time go through all operators while their scores are in the cache,
    backward likewise; kept for the way back are the weights and one byte of mask for each. ``bands`` leave out pairs
    that ``mask`` forbids anyway.

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V), mask bool broadcastable to (B, H, L, S), True =
    may attend -> (B, H, L, V). Differentiable once; an empty row gives zeros.
    """
    bands = bands or [Band(slice(0, query.shape[2]), key.shape[2])]
    context: Tensor = _Streamed.apply(query, key, value, mask, dropout_p, bands)
    return context


def _pieces(batch: int, heads: int, scores: int) -> Iterator[tuple[slice, slice]]:
    """Slices of batch and heads that hold about ``PIECE`` scores, at least one head; ``scores`` of one head."""
    some_heads = max(1, min(heads, PIECE // max(scores, 1)))
    some_batch = max(1, PIECE // max(scores * heads, 1))
    for b in range(0, batch, some_batch):
        for h in range(0, heads, some_heads):
            yield slice(b, b + some_batch), slice(h, h + some_heads)


def _bias(mask: Tensor | None, dtype: torch.dtype, shape: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
    """The mask as what is added to scores, and which rows are empty (None where none is).

    Adding is five times cheaper than filling. The number is finite, so that an empty row is no NaN, and so large that
    softmax makes it exactly 0 beside anything that is allowed.
    """
    if mask is None or mask.numel() == 0:
        return None, None
    bias = (mask.to(dtype) - 1.0) * (torch.finfo(dtype).max / 4)
    empty = bias.amax(-1, keepdim=True) < 0
    return bias.expand(shape), empty.expand(*shape[:3], 1) if bool(empty.any()) else None


class _Streamed(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, bands: list[Band]
    ) -> Tensor:
        B, H, L, _ = query.shape
        S, V = value.shape[2:]
        threshold = round(dropout_p * LANES) / LANES
        context = query.new_empty(B, L, H, V).transpose(1, 2)  # so that joining the heads copies nothing
        bias, empty = _bias(mask, query.dtype, (B, H, L, S))
        kept: list[Tensor] = []  # weights and mask of each band
        for rows, reach in bands:
            q, k, v, into = query[:, :, rows], key[:, :, :reach], value[:, :, :reach], context[:, :, rows]
            weights = query.new_empty(B, H, q.shape[2], reach)
            keep = keep_mask(weights.shape, dropout_p, query.device)
            for piece in _pieces(B, H, q.shape[2] * reach):
                scores = q[piece] @ k[piece].transpose(-2, -1)
                if bias is not None:
                    scores += bias[piece][..., rows, :reach]
                w = torch.softmax(scores, -1, out=weights[piece])
                if empty is not None:
                    w.masked_fill_(empty[piece][..., rows, :], 0.0)
                into[piece] = torch.mul(w, keep[piece], out=scores) @ v[piece]
            kept += [weights, keep]
        ctx.scale, ctx.bands = 1.0 / (1.0 - threshold), bands
        context.mul_(ctx.scale)
        ctx.save_for_backward(query, key, value, context, *kept)
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        """d weights = mask (grad value^T) / (1 - p);   d scores = weights (d weights - sum over keys of both)."""
        query, key, value, context, *kept = ctx.saved_tensors
        B, H = query.shape[:2]
        d_query, d_key, d_value = side_by_side((query, key, value))
        d_key.zero_()
        d_value.zero_()
        for (rows, reach), weights, keep in zip(ctx.bands, kept[::2], kept[1::2], strict=True):
            q, k, v = query[:, :, rows], key[:, :, :reach], value[:, :, :reach]
            for piece in _pieces(B, H, q.shape[2] * reach):
                w, d_context = weights[piece], grad[:, :, rows][piece]
                total = (d_context * context[:, :, rows][piece]).sum(-1, keepdim=True)  # equals the sum over keys
                d_context = d_context * ctx.scale
                d_scores = (d_context @ v[piece].transpose(-2, -1)).mul_(keep[piece]).sub_(total).mul_(w)
                d_value[:, :, :reach][piece] += (w * keep[piece]).transpose(-2, -1) @ d_context
                d_query[:, :, rows][piece] = d_scores @ k[piece]
                d_key[:, :, :reach][piece] += d_scores.transpose(-2, -1) @ q[piece]
        return d_query, d_key, d_value, None, None, None

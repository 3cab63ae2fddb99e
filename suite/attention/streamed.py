"""Softmax attention on a CPU with dropout: in pieces that stay in the cache, with a cheap mask."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.dropout import LANES, keep_mask

PIECE = 1 << 18  # scores in one piece: 1 MiB of float32, about the second-level cache of one core


def attend_streamed(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float) -> Tensor:
    """context = dropout(softmax over s of query . key) @ value, with the query already scaled.

    torch's own kernel takes no dropout on a CPU and falls back to whole-tensor operators, which is 2 to 5 times slower
    at 200 queries and more. Here a few heads at a time go through all operators while their scores are in the cache,
    backward likewise; kept for the way back are the weights and one byte of mask for each.

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V), mask bool broadcastable to (B, H, L, S), True =
    may attend -> (B, H, L, V). Differentiable once; an empty row gives zeros.
    """
    context: Tensor = _Streamed.apply(query, key, value, mask, dropout_p)
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
    rows = (*shape[:2], bias.shape[-2] if bias.dim() > 1 else 1)
    return bias.expand(*rows, shape[3]), empty.expand(*rows, 1) if bool(empty.any()) else None


class _Streamed(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float
    ) -> Tensor:
        B, H, L, _ = query.shape
        S, V = value.shape[2:]
        threshold = round(dropout_p * LANES) / LANES
        scale = 1.0 / (1.0 - threshold)
        weights = query.new_empty(B, H, L, S)
        keep = keep_mask(weights.shape, dropout_p, query.device)
        context = query.new_empty(B, L, H, V).transpose(1, 2)  # so that joining the heads copies nothing
        bias, empty = _bias(mask, query.dtype, (B, H, L, S))
        for piece in _pieces(B, H, L * S):
            scores = query[piece] @ key[piece].transpose(-2, -1)
            if bias is not None:
                scores += bias[piece]
            w = torch.softmax(scores, -1, out=weights[piece])
            if empty is not None:
                w.masked_fill_(empty[piece], 0.0)
            context[piece] = (torch.mul(w, keep[piece], out=scores) @ value[piece]).mul_(scale)
        ctx.scale = scale
        ctx.save_for_backward(query, key, value, weights, keep, context)
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        """d weights = mask (grad value^T) / (1 - p);   d scores = weights (d weights - sum over keys of both)."""
        query, key, value, weights, keep, context = ctx.saved_tensors
        B, H, L, S = weights.shape
        d_query, d_key, d_value = (torch.empty_like(x.transpose(1, 2)).transpose(1, 2) for x in (query, key, value))
        for piece in _pieces(B, H, L * S):
            w, kept, d_context = weights[piece], keep[piece], grad[piece]
            total = (d_context * context[piece]).sum(-1, keepdim=True)  # equals the sum over keys
            d_context = d_context * ctx.scale
            d_scores = (d_context @ value[piece].transpose(-2, -1)).mul_(kept).sub_(total).mul_(w)
            d_value[piece] = (w * kept).transpose(-2, -1) @ d_context
            d_query[piece] = d_scores @ key[piece]
            d_key[piece] = d_scores.transpose(-2, -1) @ query[piece]
        return d_query, d_key, d_value, None, None

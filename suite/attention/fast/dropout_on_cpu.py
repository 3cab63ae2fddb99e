"""Softmax attention with dropout on a CPU: chunks of scores that fit in the cache, and a cheap dropout mask."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from suite.attention.functional import masked_softmax
from suite.attention.operators.dropout import LANES, keep_mask
from suite.attention.operators.joint_projection import side_by_side
from suite.attention.operators.recompute import differentiable_gradients

CHUNK_SCORES = 1 << 18  # scores in one chunk: 1 MiB of float32, about the second-level cache of one core


class Band(NamedTuple):
    """A range of queries that may attend to the first ``keys`` keys at most."""

    queries: slice
    keys: int


def causal_bands(num_queries: int, num_keys: int) -> list[Band]:
    """Bands that cover every causal pair: four, or bands of 64 queries. They hold at most 5/8 of all pairs."""
    size = max(32, min(64, -(-num_queries // 4)))
    offset = num_keys - num_queries
    starts = range(0, num_queries, size)
    return [Band(slice(a, a + size), max(0, min(a + size + offset, num_keys))) for a in starts]


def attend_with_dropout(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, bands: list[Band] | None = None
) -> Tensor:
    """context = dropout(softmax over s of query . key) @ value, where the query is already scaled.

    The kernel of torch takes no dropout on a CPU: torch then runs operators on whole tensors, which is 2 to 5 times
    slower from 200 queries on. Here each chunk of heads passes all operators while its scores are in the cache, forward
    and backward. Saved for the backward pass are the weights and one byte of dropout mask for each. ``bands`` leave out
    pairs that ``mask`` forbids anyway.

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V), mask bool broadcastable to (B, H, L, S), True =
    may attend -> (B, H, L, V). An empty row gives zeros.
    """
    bands = bands or [Band(slice(0, query.shape[2]), key.shape[2])]
    context: Tensor = _DropoutAttention.apply(query, key, value, mask, dropout_p, bands)
    return context


def _chunks(batch: int, heads: int, scores: int) -> Iterator[tuple[slice, slice]]:
    """Slices of batch and heads with about ``CHUNK_SCORES`` scores, at least one head of ``scores`` scores."""
    some_heads = max(1, min(heads, CHUNK_SCORES // max(scores, 1)))
    some_batch = max(1, CHUNK_SCORES // max(scores * heads, 1))
    for b in range(0, batch, some_batch):
        for h in range(0, heads, some_heads):
            yield slice(b, b + some_batch), slice(h, h + some_heads)


def _mask_bias(mask: Tensor | None, dtype: torch.dtype, shape: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
    """The mask as a bias of the scores, and the rows that are empty (None where no row is).

    Adding is five times faster than filling. The bias is finite, so that an empty row does not become NaN, and large
    enough that softmax gives exactly 0 in a row with an allowed key.
    """
    if mask is None or mask.numel() == 0:
        return None, None
    bias = (mask.to(dtype) - 1.0) * (torch.finfo(dtype).max / 4)
    empty = bias.amax(-1, keepdim=True) < 0
    return bias.expand(shape), empty.expand(*shape[:3], 1) if bool(empty.any()) else None


def _with_dropout(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    keeps: list[Tensor],
    bands: list[Band],
    scale: float,
) -> Tensor:
    """The plain equation with the dropout masks of the bands."""
    shape = (*query.shape[:3], key.shape[2])
    contexts = []
    for (rows, reach), keep in zip(bands, keeps, strict=True):
        allowed = None if mask is None else mask.expand(shape)[:, :, rows, :reach]
        weights = masked_softmax(query[:, :, rows] @ key[:, :, :reach].transpose(-2, -1), allowed)
        contexts.append((weights * keep) @ value[:, :, :reach] * scale)
    return torch.cat(contexts, dim=2)


class _DropoutAttention(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, bands: list[Band]
    ) -> Tensor:
        B, H, L, _ = query.shape
        S, V = value.shape[2:]
        threshold = round(dropout_p * LANES) / LANES
        context = query.new_empty(B, L, H, V).transpose(1, 2)  # joining the heads then copies nothing
        bias, empty = _mask_bias(mask, query.dtype, (B, H, L, S))
        saved: list[Tensor] = []  # weights and dropout mask of each band
        for rows, reach in bands:
            q, k, v, into = query[:, :, rows], key[:, :, :reach], value[:, :, :reach], context[:, :, rows]
            weights = query.new_empty(B, H, q.shape[2], reach)
            keep = keep_mask(weights.shape, dropout_p, query.device)
            for chunk in _chunks(B, H, q.shape[2] * reach):
                scores = q[chunk] @ k[chunk].transpose(-2, -1)
                if bias is not None:
                    scores += bias[chunk][..., rows, :reach]
                w = torch.softmax(scores, -1, out=weights[chunk])
                if empty is not None:
                    w.masked_fill_(empty[chunk][..., rows, :], 0.0)
                into[chunk] = torch.mul(w, keep[chunk], out=scores) @ v[chunk]
            saved += [weights, keep]
        ctx.scale, ctx.bands, ctx.mask = 1.0 / (1.0 - threshold), bands, mask
        context.mul_(ctx.scale)
        ctx.save_for_backward(query, key, value, context, *saved)
        return context

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        """d weights = mask (grad value^T) / (1 - p);   d scores = weights (d weights - sum over keys of both)."""
        query, key, value, context, *saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            plain = partial(_with_dropout, mask=ctx.mask, keeps=saved[1::2], bands=ctx.bands, scale=ctx.scale)
            return *differentiable_gradients(plain, (query, key, value), [grad]), None, None, None
        B, H = query.shape[:2]
        d_query, d_key, d_value = side_by_side((query, key, value))
        d_key.zero_()
        d_value.zero_()
        for (rows, reach), weights, keep in zip(ctx.bands, saved[::2], saved[1::2], strict=True):
            q, k, v = query[:, :, rows], key[:, :, :reach], value[:, :, :reach]
            for chunk in _chunks(B, H, q.shape[2] * reach):
                w, d_context = weights[chunk], grad[:, :, rows][chunk]
                total = (d_context * context[:, :, rows][chunk]).sum(-1, keepdim=True)  # equals the sum over keys
                d_context = d_context * ctx.scale
                d_scores = (d_context @ v[chunk].transpose(-2, -1)).mul_(keep[chunk]).sub_(total).mul_(w)
                d_value[:, :, :reach][chunk] += (w * keep[chunk]).transpose(-2, -1) @ d_context
                d_query[:, :, rows][chunk] = d_scores @ k[chunk]
                d_key[:, :, :reach][chunk] += d_scores.transpose(-2, -1) @ q[chunk]
        return d_query, d_key, d_value, None, None, None

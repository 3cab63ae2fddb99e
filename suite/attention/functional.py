"""Attention as one function: score, mask, align, mix the values. It defines what every faster path computes."""

# B batch, H heads, L queries, S keys and values, D width of one head, V width of one value

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from suite.attention.operators.dropout import dropout


class AttentionOutput(NamedTuple):
    """The result of attention in every layout.

    Attributes:
        context: the weighted sum of the values; dense (B, H, L, V), over edges (N, H, V).
        weights: the attention weights; dense (B, H, L, S), over edges (M, H) in the order of the caller's edges. None
            only where a fused path computed the context without forming them.
    """

    context: Tensor
    weights: Tensor | None


class DenseScore(Protocol):
    """A callable that scores every query against every key: (B, H, L, D), (B, H, S, D) -> (B, H, L, S)."""

    def __call__(self, query: Tensor, key: Tensor, /) -> Tensor: ...


class Aligner(Protocol):
    """A callable that turns scores into weights of the keys that ``mask`` allows; an empty row gives zeros."""

    def __call__(self, scores: Tensor, mask: Tensor | None, /) -> Tensor: ...


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over the last dimension among the positions where ``mask`` is True; an empty row gives zeros.

    Shape: scores (..., S); mask bool, broadcastable to scores, True = may attend.
    """
    if mask is None:
        return scores.softmax(dim=-1)
    empty = ~mask.any(dim=-1, keepdim=True)
    scores = scores.masked_fill(~mask, -torch.inf).masked_fill(empty, 0.0)
    return scores.softmax(dim=-1).masked_fill(empty, 0.0)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    score: DenseScore,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    alignment: Aligner = masked_softmax,
    factor: Tensor | None = None,
    dropout_p: float = 0.0,
) -> AttentionOutput:
    """Attention: the sum of the values, weighted by how well their keys match each query.

    weights[l, s] = align over s of score(query[l], key[s]);   context[l] = sum over s of weights[l, s] value[s]
    (Bahdanau et al. 2015, eq. 5-6; Vaswani et al. 2017, eq. 1, with ``score=ScaledDot()``)

    Args:
        query, key, value: (B, H, L, D), (B, H, S, D), (B, H, S, V).
        score: scores every query against every key.
        mask: bool, broadcastable to (B, H, L, S), True = may attend.
        bias: broadcastable to (B, H, L, S), added to the scores.
        alignment: turns scores into weights.
        factor: broadcastable to (B, H, L, S), multiplied with the weights (the Gaussian of Luong et al. 2015).
        dropout_p: probability of dropping a weight before the sum; the returned weights are not dropped.

    Shape: -> context (B, H, L, V), weights (B, H, L, S).

    Raises:
        TypeError: if the mask is not bool.
        ValueError: if the shapes do not match.
    """
    check_shapes(query, key, value, mask)
    scores = score(query, key)
    weights = alignment(scores if bias is None else scores + bias, mask)
    if factor is not None:
        weights = weights * factor
    return AttentionOutput(dropout(weights, dropout_p) @ value, weights)


def check_shapes(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, same_width: bool = False) -> None:
    """Raise ValueError or TypeError for inputs that would otherwise broadcast into a wrong result."""
    if not query.dim() == key.dim() == value.dim() == 4:
        raise ValueError(
            f"query, key and value must be (batch, heads, length, width), got {_shapes(query, key, value)}"
        )
    if not query.shape[:2] == key.shape[:2] == value.shape[:2]:
        raise ValueError(f"query, key and value must agree in batch and heads, got {_shapes(query, key, value)}")
    if key.shape[2] != value.shape[2]:
        raise ValueError(f"every key needs one value, got {key.shape[2]} keys and {value.shape[2]} values")
    if same_width and query.shape[3] != key.shape[3]:
        raise ValueError(
            f"query and key must have the same width, got a query of width {query.shape[3]} and a key of width "
            f"{key.shape[3]}"
        )
    if mask is not None:
        check_mask(mask, (*query.shape[:3], key.shape[2]))


def check_mask(mask: Tensor, shape: tuple[int, ...]) -> None:
    """Raise TypeError for a mask that is not bool, ValueError for one that does not broadcast to (B, H, L, S)."""
    if mask.dtype != torch.bool:
        raise TypeError(
            f"mask must be bool with True = may attend, got {mask.dtype}; pass numbers to add to the scores as bias=, "
            "convert a 0/1 mask by mask.bool(), and the key_padding_mask of nn.MultiheadAttention by ~mask"
        )
    fits = mask.dim() <= len(shape) and all(m in (1, n) for m, n in zip(mask.shape[::-1], shape[::-1], strict=False))
    if not fits:
        raise ValueError(
            f"mask of shape {tuple(mask.shape)} does not broadcast to (batch, heads, queries, keys) = {tuple(shape)}; "
            "pass a mask of keys (batch, keys) as mask[:, None, None, :]"
        )


def check_positions(positions: Tensor, query: Tensor) -> None:
    """Raise ValueError for positions that are not ints of shape (L,) or (B, L)."""
    batch, _, length, _ = query.shape
    if positions.is_floating_point() or positions.shape not in ((length,), (batch, length)):
        raise ValueError(
            f"query_positions must be ints of shape (queries,) = {(length,)} or (batch, queries) = {(batch, length)}, "
            f"got {positions.dtype} {tuple(positions.shape)}"
        )


def _shapes(query: Tensor, key: Tensor, value: Tensor) -> str:
    return f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"

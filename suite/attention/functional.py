"""Attention in one function: score, mask, align, mix."""

# B batch, H heads, L queries, S keys and values, D width of one head, V width of one value

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class AttentionOutput(NamedTuple):
    """What attention returns in either layout: ``context`` is the weighted sum of values.

    Dense: context (B, H, L, V), weights (B, H, L, S). Edges: context (N, H, V), weights (M, H) in the order of the
    edges the caller gave. ``weights`` is None only where a fused path was asked for and does not form them.
    """

    context: Tensor
    weights: Tensor | None


class DenseScore(Protocol):
    """Anything that scores every query against every key: (B, H, L, D), (B, H, S, D) -> (B, H, L, S)."""

    def __call__(self, query: Tensor, key: Tensor, /) -> Tensor:
        """Score."""
        ...


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
    query: Tensor, key: Tensor, value: Tensor, *, score: DenseScore, mask: Tensor | None = None
) -> AttentionOutput:
    """Mix the values by how well their keys answer each query.

    weights[l, s] = softmax over s of score(query[l], key[s]);   context[l] = sum over s of weights[l, s] value[s]
    (Bahdanau et al. 2015, eq. 5-6; Vaswani et al. 2017, eq. 1, with ``score=ScaledDotProduct()``)

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V), mask bool broadcastable to (B, H, L, S),
    True = may attend. This is the reference that every faster path is proved equal to.
    """
    weights = masked_softmax(score(query, key), mask)
    return AttentionOutput(weights @ value, weights)

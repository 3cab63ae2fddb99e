"""Attention pooling: learnt queries turn a set of vectors into one, in the padded and in the ragged layout."""

# B batch, S keys and values, H heads (queries), E width in, D width of one head; N segments, M rows

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.scores import ScaledDot
from suite.attention.edge_attention import EdgeAttention
from suite.attention.functional import AttentionOutput
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.segments import Segments, segment_softmax
from suite.attention.ragged.sparse_matrix import spmm


class GatedProjection(nn.Module):
    """Keys with a gate: the sigmoid makes up for tanh, which is nearly linear around 0.

    key = tanh(V x + a) * sigmoid(U x + b)   (Ilse et al. 2018, eq. 9); ``Dot`` with a learnt query w is their score.

    Shape: (..., E) -> (..., D).

    >>> GatedProjection(embed_dim=4, head_dim=3)(torch.randn(5, 4)).shape
    torch.Size([5, 3])
    """

    def __init__(self, embed_dim: int, head_dim: int) -> None:
        super().__init__()
        self.content, self.gate = nn.Linear(embed_dim, head_dim), nn.Linear(embed_dim, head_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.content(x).tanh() * self.gate(x).sigmoid()


class _LearntQueries(nn.Module):
    """The parameters of both poolings: a learnt query for each head, and the projection of the keys."""

    def __init__(self, embed_dim: int, num_heads: int, head_dim: int | None, key_proj: nn.Module | None) -> None:
        super().__init__()
        head_dim = embed_dim // num_heads if head_dim is None else head_dim
        self.num_heads = num_heads
        self.key_proj = nn.Linear(embed_dim, num_heads * head_dim) if key_proj is None else key_proj
        self.query = nn.Parameter(torch.randn(num_heads, head_dim) * head_dim**-0.5)


class AttentionPooling(_LearntQueries):
    """The weighted mean of a set in the padded layout, where a learnt query decides what matters.

    u = tanh(W x + b);   weights = softmax over the set of u . c;   out = sum of weights x   (Yang et al. 2016, eq. 5-7)

    With ``Additive`` the tanh belongs to the score and c is its vector; any other score works too. Every head has a
    learnt query and a share of the projected key, and pools the whole input.

    Args:
        embed_dim: E, width of the input.
        attention: the choices; the score is built for ``num_heads`` and ``head_dim``. Default ``Attention()``. A learnt
            query has no position among the keys, so the pattern must not need one (``Pattern.needs_position``), and no
            row of weights may depend on another (``Alignment.couples_queries``).
        num_heads: H, number of learnt queries.
        head_dim: D, width of a query; default E // H.
        key_proj: maps (..., E) to keys (..., H D); default a linear layer.

    Shape: x (B, S, E), mask (B, S) bool, True = belongs to the set -> context (B, H E), weights (B, H, 1, S). An empty
    set gives zeros.

    Raises ValueError for a pattern or an alignment that needs more than one query.

    >>> from suite.attention import Additive
    >>> pool = AttentionPooling(embed_dim=4, attention=Attention(Additive(num_heads=1, head_dim=4)))
    >>> pool(torch.randn(2, 5, 4)).context.shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        embed_dim: int,
        attention: Attention | None = None,
        num_heads: int = 1,
        head_dim: int | None = None,
        key_proj: nn.Module | None = None,
    ) -> None:
        super().__init__(embed_dim, num_heads, head_dim, key_proj)
        self.attention = Attention() if attention is None else attention
        check_one_query(self.attention)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, need_weights: bool = True) -> AttentionOutput:
        """Pool each sequence of the batch. Raises ValueError for a mask of another shape than (B, S)."""
        if mask is not None and mask.shape != x.shape[:2]:
            raise ValueError(f"mask must be (batch, length) = {tuple(x.shape[:2])}, got {tuple(mask.shape)}")
        key = self.key_proj(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        query = self.query[:, None].expand(x.shape[0], -1, -1, -1)
        value = x[:, None].expand(-1, self.num_heads, -1, -1)
        mask = None if mask is None else mask[:, None, None]
        context, weights = self.attention(query, key, value, mask=mask, need_weights=need_weights)
        return AttentionOutput(context.flatten(1), weights)


def check_one_query(attention: Attention) -> None:
    """Raise ValueError for choices that are not defined for one query without a position."""
    pattern, alignment = attention.pattern, attention.alignment
    if pattern.needs_position:
        raise ValueError(
            f"a learnt query has no position among the keys, which {type(pattern).__name__} needs; "
            "set attention.pattern=full"
        )
    if alignment.couples_queries:
        raise ValueError(
            f"{type(alignment).__name__} balances as many queries as keys, and pooling has one query; "
            "set attention.alignment=softmax"
        )


class SegmentPooling(_LearntQueries):
    """``AttentionPooling`` in the ragged layout: sets are segments of rows, without padding.

    Args as ``AttentionPooling``, except for ``attention``: score and dropout over segments, default
    ``EdgeAttention(ScaledDot())``. Pooling has one implementation.

    Shape: x (M, E), ``segments`` of M rows in N sets -> context (N, H E), weights (M, H). An empty set gives zeros.

    >>> pool = SegmentPooling(embed_dim=4)
    >>> pool(torch.randn(7, 4), Segments.from_lengths(torch.tensor([3, 0, 4]))).context.shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        embed_dim: int,
        attention: EdgeAttention | None = None,
        num_heads: int = 1,
        head_dim: int | None = None,
        key_proj: nn.Module | None = None,
    ) -> None:
        super().__init__(embed_dim, num_heads, head_dim, key_proj)
        self.attention = EdgeAttention(ScaledDot()) if attention is None else attention

    def forward(self, x: Tensor, segments: Segments) -> AttentionOutput:
        """Pool each segment."""
        key = self.key_proj(x).unflatten(-1, (self.num_heads, -1))  # (M, H, D)
        weights = segment_softmax(self.attention.score.pairs(self.query, key), segments)
        dropped = dropout(weights, self.attention.dropout, self.training)
        context = torch.stack([spmm(segments.membership, one.contiguous(), x) for one in dropped.unbind(1)], 1)
        return AttentionOutput(context.flatten(1), weights)

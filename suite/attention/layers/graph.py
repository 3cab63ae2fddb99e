"""Graph attention: the one equation, with the edges of a graph as its pattern."""

# N receivers (queries), S senders (keys and values; S = N within one graph), M edges, H heads, D head width, F features

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.choices.scores import GATScore, Score
from suite.attention.compiled.edges import attend_edges_compiled, spmm_compiled
from suite.attention.compiled.library import library
from suite.attention.compiled.nodes import dropout_compiled
from suite.attention.functional import AttentionOutput
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.edge_softmax import mix_edges
from suite.attention.ragged.edge_softmax_of_sums import mix_sums, takes_turns
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.sparse_matrix import Sparsity, spmm


def attend_edges(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    edges: Edges,
    *,
    score: Score,
    dropout_p: float = 0.0,
    value_dropout: float = 0.0,
) -> AttentionOutput:
    """Attention along edges: ``attend`` with an adjacency mask, at a cost that grows with the edges alone.

    weights[e] = softmax over the edges e = (j, i) into receiver i of score(query[i], key[j])
    context[i] = sum over the same edges of weights[e] value[j]

    Shape: query (N, H, D), key (S, H, D), value (S, H, V) -> context (N, H, V), weights (M, H) in the caller's order.
    ``dropout_p`` drops weights on their way into the context; the weights returned are whole and sum to 1 over the
    edges of a receiver. ``value_dropout`` drops entries of ``value``. A receiver without edges gets zeros.
    """
    value = dropout(value, value_dropout)
    if isinstance(score, GATScore) and takes_turns(len(edges), value.shape[1]):
        terms = score.node_terms(query, key)
        context, weights = mix_sums(*terms, score.negative_slope, value, edges, dropout_p)
    else:
        context, weights = mix_edges(score.edges(query, key, edges), value, edges, dropout_p)
    return AttentionOutput(context, edges.to_caller(weights))


def attend_edges_reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    edges: Edges,
    *,
    score: Score,
    dropout_p: float = 0.0,
    value_dropout: float = 0.0,
) -> AttentionOutput:
    """``attend_edges`` in plain gathers and scatters: what defines it, and what ``torch.export`` can trace."""
    receiver, sender = edges.receivers.ids, edges.senders
    value = dropout(value, value_dropout)
    scores = score.pairs(query[receiver], key[sender])  # (M, H)
    index = receiver[:, None].expand_as(scores)
    largest = scores.new_zeros(query.shape[:2]).scatter_reduce(0, index, scores.detach(), "amax", include_self=False)
    powers = (scores - largest[receiver]).exp()
    weights = powers / torch.zeros_like(largest).index_add(0, receiver, powers)[receiver]
    mixed = F.dropout(weights, dropout_p)[..., None] * value[sender]  # (M, H, V)
    context = value.new_zeros(len(edges.receivers), *value.shape[1:]).index_add(0, receiver, mixed)
    return AttentionOutput(context, edges.to_caller(weights))


class SparseRows:
    """Node features of which most are zero: a constant (N, F) matrix in compressed rows."""

    def __init__(self, sparsity: Sparsity, values: Tensor) -> None:
        self.sparsity = sparsity
        self.values = values

    def dropped(self, p: float, training: bool = True, drop: Callable[..., Tensor] = dropout) -> "SparseRows":
        """Drop stored entries only: zeros stay zero, so this is dropout of the dense matrix at 1 % of its cost."""
        return SparseRows(self.sparsity, drop(self.values, p, training))

    def linear(self, weight: Tensor, product: Callable[[Sparsity, Tensor, Tensor], Tensor] = spmm) -> Tensor:
        """x @ weight^T: weight (E, F) -> (N, E)."""
        return product(self.sparsity, self.values, weight.t())


class Kernels(NamedTuple):
    """What a layer computes with, and a network around it."""

    attend: Callable[..., AttentionOutput]
    product: Callable[[Sparsity, Tensor, Tensor], Tensor]
    dropout: Callable[[Tensor, float, bool], Tensor]


IMPLEMENTATIONS = {
    "auto": Kernels(attend_edges, spmm, dropout),
    "reference": Kernels(attend_edges_reference, spmm, dropout),
    "compiled": Kernels(attend_edges_compiled, spmm_compiled, dropout_compiled),
}


class GraphAttention(nn.Module):
    """One layer of graph attention with any score of the family.

    query = W_q x, key = value = W x;   out[i] = combine over heads of attend_edges(query, key, value)[i] + b

    With ``GATScore`` and ``shared=True`` (W_q = W) this is GAT (Velickovic et al. 2018, eq. 1-6); with ``GATv2Score``
    and ``shared=False`` GATv2 (Brody et al. 2022, eq. 7). ``combine`` joins heads: "concat" (eq. 5) or "mean" (eq. 6).

    Args:
        in_dim: features of a node.
        score: built for ``num_heads`` and ``head_dim``.
        dropout: probability of dropping an attention weight while training.
        feature_dropout: the same for entries of the projected features, W x, before they are mixed (the authors' code
            has it; the paper does not say).
        implementation: "auto" for the CSR kernels, "reference" for plain gathers and scatters, "compiled" for C++
            kernels of ``GATScore`` on a CPU, which are built once and need a compiler.

    Shape: x (N, F), dense or ``SparseRows`` -> context (N, H * D) for concat, (N, D) for mean; weights (M, H).
    """

    def __init__(
        self,
        in_dim: int,
        head_dim: int,
        num_heads: int,
        score: Score,
        *,
        shared: bool = True,
        combine: Literal["concat", "mean"] = "concat",
        dropout: float = 0.0,
        feature_dropout: float = 0.0,
        bias: bool = True,
        implementation: Literal["auto", "reference", "compiled"] = "auto",
    ) -> None:
        super().__init__()
        if implementation not in IMPLEMENTATIONS:
            raise ValueError(f"implementation must be one of {', '.join(IMPLEMENTATIONS)}, got {implementation!r}")
        if implementation == "compiled":
            if not isinstance(score, GATScore):
                name = type(score).__name__
                raise ValueError(f"implementation='compiled' computes GATScore over edges, not {name}; use 'auto'")
            library()  # told here rather than in the first step, where it cannot be built
        if combine not in ("concat", "mean"):
            raise ValueError(f"combine must be 'concat' or 'mean', got {combine!r}")
        self.num_heads, self.head_dim, self.combine = num_heads, head_dim, combine
        self.dropout, self.feature_dropout = dropout, feature_dropout
        self.kernels = IMPLEMENTATIONS[implementation]
        self.score = score
        self.value_proj = _glorot(num_heads * head_dim, in_dim)
        self.query_proj = None if shared else _glorot(num_heads * head_dim, in_dim)
        self.bias = (
            nn.Parameter(torch.zeros(num_heads * head_dim if combine == "concat" else head_dim)) if bias else None
        )

    def forward(self, x: Tensor | SparseRows, edges: Edges) -> AttentionOutput:
        """Attend along ``edges``; returns the joined heads and the weights of every edge."""
        value = self._project(x, self.value_proj)
        query = value if self.query_proj is None else self._project(x, self.query_proj)
        drops = {"dropout_p": self.dropout, "value_dropout": self.feature_dropout} if self.training else {}
        context, weights = self.kernels.attend(query, value, value, edges, score=self.score, **drops)
        context = context.flatten(1) if self.combine == "concat" else context.mean(dim=1)
        return AttentionOutput(context if self.bias is None else context + self.bias, weights)

    def _project(self, x: Tensor | SparseRows, weight: Tensor) -> Tensor:
        rows = x.linear(weight, self.kernels.product) if isinstance(x, SparseRows) else F.linear(x, weight)
        return rows.view(-1, self.num_heads, self.head_dim)


def _glorot(out_dim: int, in_dim: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(out_dim, in_dim)))

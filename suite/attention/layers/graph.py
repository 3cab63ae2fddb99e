"""A layer of graph attention: projections around attention over edges."""

# N nodes, M edges, H heads, D head width, F features, E outputs

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.edge_attention import EdgeAttention
from suite.attention.edge_functional import EdgeCall
from suite.attention.functional import AttentionOutput
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.sparse_matrix import Sparsity, spmm


class SparseRows:
    """Node features of which most are zero: a constant (N, F) matrix in compressed rows."""

    def __init__(self, sparsity: Sparsity, values: Tensor) -> None:
        self.sparsity = sparsity
        self.values = values

    def dropped(self, p: float, training: bool = True, drop: Callable[..., Tensor] = dropout) -> "SparseRows":
        """Dropout of the stored entries. Zeros stay zero, so this equals dropout of the dense matrix."""
        return SparseRows(self.sparsity, drop(self.values, p, training))

    def linear(self, weight: Tensor, product: Callable[[Sparsity, Tensor, Tensor], Tensor] = spmm) -> Tensor:
        """x @ weight^T: weight (E, F) -> (N, E)."""
        return product(self.sparsity, self.values, weight.t())


class GraphAttention(nn.Module):
    """One layer of graph attention with any score.

    query = W_q x, key = value = W x;   out[i] = combine over heads of attention(query, key, value)[i] + b

    With ``GATScore`` and ``shared=True`` (W_q = W) this is GAT (Velickovic et al. 2018, eq. 1-6); with ``GATv2Score``
    and ``shared=False`` GATv2 (Brody et al. 2022, eq. 7).

    Args:
        in_dim: F, features of a node.
        head_dim: D.
        num_heads: H.
        attention: score, dropout of the weights and implementation; its score is built for ``num_heads`` and
            ``head_dim``.
        shared: whether query and key share one projection.
        combine: "concat" to concatenate the heads (eq. 5), "mean" to average them (eq. 6).
        feature_dropout: probability of dropping an entry of W x before the sum during training, as in the published
            code of GAT; the paper does not mention it.
        bias: whether to add b.

    Shape: x (N, F), dense or ``SparseRows`` -> context (N, H * D) for concat, (N, D) for mean; weights (M, H).

    Raises ValueError for another value of ``combine``.

    >>> from suite.attention import EdgeAttention, GATScore
    >>> layer = GraphAttention(5, 4, 2, EdgeAttention(GATScore(num_heads=2, head_dim=4)))
    >>> layer(torch.randn(3, 5), Edges.from_index(torch.tensor([[0, 1, 2], [1, 1, 0]]), 3)).context.shape
    torch.Size([3, 8])
    """

    def __init__(
        self,
        in_dim: int,
        head_dim: int,
        num_heads: int,
        attention: EdgeAttention,
        *,
        shared: bool = True,
        combine: Literal["concat", "mean"] = "concat",
        feature_dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if combine not in ("concat", "mean"):
            raise ValueError(f"combine must be 'concat' or 'mean', got {combine!r}")
        self.num_heads, self.head_dim, self.combine = num_heads, head_dim, combine
        self.dropout, self.feature_dropout = attention.dropout, feature_dropout
        self.kernels = attention.kernels
        self.score = attention.score  # of this module itself, so that parameters are named score.NAME
        self.value_proj = _glorot(num_heads * head_dim, in_dim)
        self.query_proj = None if shared else _glorot(num_heads * head_dim, in_dim)
        self.bias = (
            nn.Parameter(torch.zeros(num_heads * head_dim if combine == "concat" else head_dim)) if bias else None
        )

    def forward(self, x: Tensor | SparseRows, edges: Edges) -> AttentionOutput:
        """Attend along ``edges``; returns the combined heads and the weights of every edge."""
        value = self._project(x, self.value_proj)
        query = value if self.query_proj is None else self._project(x, self.query_proj)
        drops = (self.dropout, self.feature_dropout) if self.training else (0.0, 0.0)
        context, weights = self.kernels.attend(EdgeCall(query, value, value, edges, self.score, *drops))
        context = context.flatten(1) if self.combine == "concat" else context.mean(dim=1)
        return AttentionOutput(context if self.bias is None else context + self.bias, weights)

    def _project(self, x: Tensor | SparseRows, weight: Tensor) -> Tensor:
        rows = x.linear(weight, self.kernels.product) if isinstance(x, SparseRows) else F.linear(x, weight)
        return rows.view(-1, self.num_heads, self.head_dim)


def _glorot(out_dim: int, in_dim: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(out_dim, in_dim)))

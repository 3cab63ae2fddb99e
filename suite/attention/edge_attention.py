"""The choices of attention over edges and segments as one module: score, dropout, implementation."""

# N receivers (queries), S senders (keys and values), M edges, H heads, D width of one head, V width of one value

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from suite.attention.attention import Implementation, check_options
from suite.attention.choices.scores import GATScore, Score
from suite.attention.compiled.edges import attend_edges_compiled, spmm_compiled
from suite.attention.compiled.library import library
from suite.attention.compiled.nodes import dropout_compiled
from suite.attention.edge_functional import EdgeCall, attend_edges
from suite.attention.fast.edges import attend_edges_fast
from suite.attention.functional import AttentionOutput
from suite.attention.operators.dropout import dropout
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.sparse_matrix import Sparsity, spmm


class EdgeKernels(NamedTuple):
    """The functions that an implementation computes with; a network may use them around its layers too."""

    attend: Callable[[EdgeCall], AttentionOutput]
    product: Callable[[Sparsity, Tensor, Tensor], Tensor]
    dropout: Callable[[Tensor, float, bool], Tensor]


KERNELS = {
    "auto": EdgeKernels(attend_edges_fast, spmm, dropout),
    "reference": EdgeKernels(attend_edges, spmm, dropout),
    "compiled": EdgeKernels(attend_edges_compiled, spmm_compiled, dropout_compiled),
}


class EdgeAttention(nn.Module):
    """Attention over the edges of a graph, or over segments: the graph is the pattern, softmax is the alignment.

    weights[e] = softmax over the edges e = (j, i) into receiver i of score(query[i], key[j])
    context[i] = sum over the same edges of dropout(weights[e]) value[j]

    Args:
        score: any score that does not depend on the order of the keys.
        dropout: probability of dropping a weight during training.
        implementation: "auto" for sparse products, "reference" for plain gathers and scatters, "compiled" for the C++
            kernels of ``GATScore`` on a CPU, which are built at first use and need a compiler (docs/compiled.md).

    Shape: query (N, H, D), key (S, H, D), value (S, H, V), edges with N receivers and S senders -> context (N, H, V),
    weights (M, H) in the order of the caller's edges. A receiver without edges gets zeros.

    Raises ValueError for a score that needs ordered keys, a dropout outside [0, 1), and an implementation that is
    unknown or does not serve the score.

    >>> import torch
    >>> from suite.attention import Edges, ScaledDot
    >>> edges = Edges.from_index(torch.tensor([[0, 1, 2], [1, 1, 0]]), 3)
    >>> nodes = torch.randn(3, 2, 4)
    >>> EdgeAttention(ScaledDot())(nodes, nodes, nodes, edges).weights.shape
    torch.Size([3, 2])
    """

    def __init__(self, score: Score, dropout: float = 0.0, implementation: Implementation = "auto") -> None:
        super().__init__()
        check_options(dropout, implementation)
        if score.needs_order:
            raise ValueError(
                f"{type(score).__name__} scores keys by their position, and edges and segments have no order of keys; "
                "set attention.score=additive"
            )
        if implementation == "compiled":
            if not isinstance(score, GATScore):
                name = type(score).__name__
                raise ValueError(f"implementation='compiled' computes GATScore over edges, not {name}; use 'auto'")
            library()  # raises here, where the model is built, if the kernels cannot be built
        self.score, self.dropout = score, dropout
        self.kernels = KERNELS[implementation]

    def forward(self, query: Tensor, key: Tensor, value: Tensor, edges: Edges) -> AttentionOutput:
        """Attend along ``edges``."""
        dropout_p = self.dropout if self.training else 0.0
        return self.kernels.attend(EdgeCall(query, key, value, edges, self.score, dropout_p))

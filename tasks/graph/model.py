"""A network of two graph attention layers that classifies nodes."""

# N nodes, M edges, F features, H heads, D head width, C classes

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.build import build_edge_attention
from suite.attention.layers.graph import GraphAttention, SparseRows
from suite.attention.ragged.edges import Edges


class NodeOutput(NamedTuple):
    """Class scores, hidden layer and attention weights of ``GraphAttentionNet``."""

    logits: Tensor  # (N, C)
    hidden: Tensor  # (N, H * D), after the ELU of the first layer
    weights: tuple[Tensor, Tensor]  # of the layers: (M, H) and (M, output heads)


class GraphAttentionNet(nn.Module):
    """The node classifier of GAT (Velickovic et al. 2018, section 3.3), with any score of the attention core.

    hidden = ELU(concat over heads of attention(dropout(x)));   logits = mean over heads of attention(dropout(hidden))

    Args:
        num_features, num_classes: from the data.
        attention: config of ``suite.attention.build.build_edge_attention``.
        head_dim, num_heads: of the first layer.
        output_heads: heads of the second layer, which are averaged.
        dropout: dropout of the input of both layers.
        feature_dropout: dropout of the projected features of both layers.
        shared: True uses one projection for query, key and value (GAT); False uses another one for the query (GATv2).

    Shape: features (N, F), edges of N nodes with self-loops -> NodeOutput.

    Raises:
        ValueError: for a dropout outside [0, 1), a size below 1, or attention that edges do not support.
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        attention: Mapping[str, Any],
        head_dim: int = 8,
        num_heads: int = 8,
        output_heads: int = 1,
        dropout: float = 0.6,
        feature_dropout: float = 0.6,
        shared: bool = True,
    ) -> None:
        super().__init__()
        for name, p in (("dropout", dropout), ("feature_dropout", feature_dropout)):
            if not 0.0 <= p < 1.0:
                raise ValueError(f"{name} must be a probability in [0, 1), got {p}")
        for name, number in (("head_dim", head_dim), ("num_heads", num_heads), ("output_heads", output_heads)):
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        self.dropout = dropout
        layer = partial(GraphAttention, shared=shared, feature_dropout=feature_dropout)
        over_edges = partial(build_edge_attention, attention)
        joined = num_heads * head_dim
        self.hidden = layer(num_features, head_dim, num_heads, over_edges(num_heads=num_heads, head_dim=head_dim))
        output_attention = over_edges(num_heads=output_heads, head_dim=num_classes)
        self.output = layer(joined, num_classes, output_heads, output_attention, combine="mean")

    def forward(self, features: SparseRows | Tensor, edges: Edges) -> NodeOutput:
        """Classify each node."""
        dropout = self.hidden.kernels.dropout
        if isinstance(features, SparseRows):
            features = features.dropped(self.dropout, self.training, dropout)
        else:
            features = dropout(features, self.dropout, self.training)
        first = self.hidden(features, edges)
        hidden = F.elu(first.context, inplace=True)  # in place: the backward pass then needs no second exponential
        second = self.output(dropout(hidden, self.dropout, self.training), edges)
        assert first.weights is not None
        assert second.weights is not None
        return NodeOutput(second.context, hidden, (first.weights, second.weights))

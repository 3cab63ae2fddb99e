"""A graph as the model reads it: built once, the same for every step."""

# N nodes, M edges with self-loops, F features, C classes

from dataclasses import dataclass

import torch
from torch import Tensor

from suite.attention.layers.graph import SparseRows
from suite.attention.ragged.edges import Edges, add_self_loops
from suite.attention.ragged.sparse_matrix import Sparsity
from suite.errors import UserError
from tasks.graph.graph import Graph


@dataclass(frozen=True)
class GraphBatch:
    """The whole graph, on one device: sparse features (N, F), edges with self-loops, labels (N,), nodes by split."""

    features: SparseRows
    edges: Edges
    edge_index: Tensor  # (2, M), the edges whose weights the layers return
    labels: Tensor
    split: dict[str, Tensor]
    evaluated: str = "test"  # the split whose nodes an evaluation counts

    @classmethod
    def of(cls, graph: Graph) -> "GraphBatch":
        """Add self-loops and sort, so that weights line up with ``edge_index``."""
        edge_index = add_self_loops(graph.edge_index, graph.num_nodes)
        features = graph.features
        return cls(
            SparseRows(Sparsity(features.offsets, features.columns, features.num_columns), features.values),
            Edges.from_index(edge_index, graph.num_nodes),
            edge_index,
            graph.labels,
            {"train": graph.train, "val": graph.val, "test": graph.test},
        )

    def to(self, device: torch.device | str, **_: object) -> "GraphBatch":
        """The same graph on another device; itself where it is there already."""
        device = torch.device(device)
        if self.labels.device == device:
            return self
        if device.type == "mps":
            raise UserError("torch has no sparse products on Apple's MPS, which the graph task needs; use trainer=cpu")
        sparsity = self.features.sparsity
        edge_index = self.edge_index.to(device)
        return GraphBatch(
            SparseRows(
                Sparsity(sparsity.offsets.to(device), sparsity.columns.to(device), sparsity.num_columns),
                self.features.values.to(device),
            ),
            Edges.from_index(edge_index, len(self.labels)),
            edge_index,
            self.labels.to(device),
            {name: nodes.to(device) for name, nodes in self.split.items()},
            self.evaluated,
        )

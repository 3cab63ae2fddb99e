"""The input of the model: the whole graph, built once and used in every step."""

# N nodes, M edges with self-loops, F features, C classes

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.attention.layers.graph import SparseRows
from suite.attention.ragged.edges import Edges, add_self_loops
from suite.attention.ragged.sparse_matrix import Sparsity
from suite.errors import UserError
from tasks.graph.graph import Graph


class GraphLoader:
    """Yields one batch, the whole graph."""

    def __init__(self, batch: "GraphBatch") -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator["GraphBatch"]:
        return iter((self.batch,))


@dataclass
class GraphBatch:
    """The whole graph on one device.

    Args:
        features: (N, F), sparse.
        edges: sorted by receiver, with self-loops.
        edge_index: (2, M), the edges to which the attention weights of the layers belong, in their order.
        labels: (N,), -1 = unlabelled.
        split: node indices of each split.
        evaluated: split whose nodes an evaluation counts.
    """

    features: SparseRows
    edges: Edges
    edge_index: Tensor
    labels: Tensor
    split: dict[str, Tensor]
    evaluated: str = "test"

    @classmethod
    def of(cls, graph: Graph) -> "GraphBatch":
        """Return the batch of a graph, with self-loops added."""
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
        """Return the batch on another device, or itself if it is there already. Raises UserError for Apple's MPS."""
        device = torch.device(device)
        if self.labels.device == device:
            return self
        if device.type == "mps":
            raise UserError(
                "task=graph needs sparse products, which torch does not have on Apple's MPS; use trainer=cpu"
            )
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

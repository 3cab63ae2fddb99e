"""Comparison of a graph with PyG's ``Data``."""

from typing import Any

import numpy as np

from tasks.graph.graph import Graph


def assert_equal_to_pyg(graph: Graph, data: Any) -> None:
    """Compare features, labels and edges."""
    np.testing.assert_array_equal(graph.features.to_dense().numpy(), data.x.numpy())
    np.testing.assert_array_equal(graph.labels.numpy(), data.y.numpy())
    order = np.lexsort((data.edge_index[0], data.edge_index[1]))
    np.testing.assert_array_equal(graph.edge_index.numpy(), data.edge_index.numpy()[:, order])

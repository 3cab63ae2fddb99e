"""A graph as plain arrays, the form in which the cache saves it."""

# N nodes, M edges

from collections.abc import Sequence

import numpy as np

from suite.data.cache import Arrays
from suite.data.splits import SPLITS
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph


def graph_to_arrays(
    features: SparseFeatures, edge_index: np.ndarray, labels: np.ndarray, split: Sequence[np.ndarray], num_classes: int
) -> dict[str, np.ndarray]:
    """Return features, edges, labels and split as named arrays; ``split`` is (train, val, test) node numbers."""
    return {
        "feature_offsets": features.offsets.numpy(),
        "feature_columns": features.columns.numpy(),
        "feature_values": features.values.numpy(),
        "num_features": np.array(features.num_columns),
        "edge_index": edge_index,
        "labels": labels,
        "num_classes": np.array(num_classes),
        **dict(zip(SPLITS, split, strict=True)),
    }


def graph_from_arrays(arrays: Arrays, class_names: Sequence[str] | None = None) -> Graph:
    """Return the graph of ``graph_to_arrays``. Raises UserError for arrays that do not form a graph."""
    offsets, columns, values = (arrays[f"feature_{name}"] for name in ("offsets", "columns", "values"))
    features = SparseFeatures.from_csr(offsets, columns, values, int(arrays["num_features"]))
    split = [arrays[name] for name in SPLITS]
    num_classes = int(arrays["num_classes"])
    return Graph.create(features, arrays["edge_index"], arrays["labels"], split, num_classes, class_names=class_names)


def in_both_directions(edge_index: np.ndarray) -> np.ndarray:
    """Return each edge and its reverse: (2, M) -> (2, 2M)."""
    return np.concatenate([edge_index, edge_index[::-1]], axis=1)

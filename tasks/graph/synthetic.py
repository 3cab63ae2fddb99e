"""A small made-up graph of the same type as the real ones, for tests, notebooks and machines without data."""

# N nodes, C classes, F features

from pathlib import Path
from typing import Any

import numpy as np

from suite.data.per_class_split import PerClassSplit
from suite.data.source import Resolved
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph
from tasks.graph.readers.npz import both_ways

SPLIT = PerClassSplit(train_per_class=5, num_val=0.2, num_test=0.4)


class SyntheticGraph:
    """A stochastic block model: nodes of one class share edges and words more often than nodes of two classes.

    The last node is isolated. The same arguments give the same graph everywhere.
    """

    def __init__(self, num_nodes: int = 61, num_classes: int = 3, num_features: int = 37, seed: int = 0) -> None:
        self.num_nodes = num_nodes
        self.num_classes = num_classes
        self.num_features = num_features
        self.seed = seed

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Nothing to find."""
        return Resolved("generated", Path(data_dir), Path(data_dir), "generated", licence="none needed")

    def read(self, files: Resolved) -> Graph:
        """Make the graph."""
        random = np.random.RandomState(self.seed)  # NumPy promises never to change its stream
        labels = random.permutation(np.arange(self.num_nodes) % self.num_classes)

        same = labels[:, None] == labels
        adjacent = np.triu(random.rand(self.num_nodes, self.num_nodes) < np.where(same, 0.15, 0.02), k=1)
        adjacent[:, -1] = False
        edge_index = both_ways(np.stack(np.nonzero(adjacent)))

        own_word = labels[:, None] == np.arange(self.num_features) % self.num_classes
        words = random.rand(self.num_nodes, self.num_features) < np.where(own_word, 0.2, 0.05)
        features = SparseFeatures.from_dense(words)
        return Graph.create(features, edge_index, labels, SPLIT(labels), self.num_classes)

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance."""
        return {"split": str(SPLIT), "seed": self.seed}

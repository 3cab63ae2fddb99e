"""A small generated graph for tests, notebooks and machines without data."""

# N nodes, C classes, F features

from typing import Any

import numpy as np

from suite.data.per_class_split import PerClassSplit
from suite.data.readers import GeneratedReader
from suite.data.source import Resolved
from tasks.graph.arrays import in_both_directions
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph

SPLIT = PerClassSplit(train_per_class=5, num_val=0.2, num_test=0.4)


class SyntheticGraph(GeneratedReader):
    """A stochastic block model: nodes of one class share edges and words more often than nodes of different classes.

    The last node is isolated. The same arguments give the same graph on every machine.

    Args:
        num_nodes, num_classes, num_features: sizes.
        seed: of the graph.
    """

    def __init__(self, num_nodes: int, num_classes: int, num_features: int, seed: int) -> None:
        self.num_nodes = num_nodes
        self.num_classes = num_classes
        self.num_features = num_features
        self.seed = seed

    def read(self, files: Resolved) -> Graph:
        """Generate the graph."""
        random = np.random.RandomState(self.seed)  # NumPy guarantees that its stream never changes
        labels = random.permutation(np.arange(self.num_nodes) % self.num_classes)

        same = labels[:, None] == labels
        adjacent = np.triu(random.rand(self.num_nodes, self.num_nodes) < np.where(same, 0.15, 0.02), k=1)
        adjacent[:, -1] = False
        edge_index = in_both_directions(np.stack(np.nonzero(adjacent)))

        own_word = labels[:, None] == np.arange(self.num_features) % self.num_classes
        words = random.rand(self.num_nodes, self.num_features) < np.where(own_word, 0.2, 0.05)
        features = SparseFeatures.from_dense(words)
        return Graph.create(features, edge_index, labels, SPLIT(labels), self.num_classes)

    def options(self) -> dict[str, Any]:
        """Return what the graph depends on."""
        return {"split": str(SPLIT), "seed": self.seed}

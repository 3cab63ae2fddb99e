"""The Amazon co-purchase graphs of Shchur et al. (2018)."""

from typing import Any

import numpy as np

from suite.data.npz import read_npz, require_arrays
from suite.data.per_class_split import PerClassSplit
from suite.data.readers import SourceReader
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.graph.arrays import in_both_directions
from tasks.graph.features import SparseFeatures, csr_rows
from tasks.graph.graph import Graph

ARRAYS = ("adj_indices", "adj_indptr", "attr_data", "attr_indices", "attr_indptr", "attr_shape", "labels")


class AmazonNpz(SourceReader):
    """Reader of adjacency and words as CSR arrays; these graphs have no public split, so the split is drawn.

    Self-loops are removed, edges are in both directions, and words are 0 or 1, as in PyG.

    Args:
        source: of the file.
        train_per_class, num_val, num_test, split_seed: as those of ``PerClassSplit``.
    """

    def __init__(
        self, source: Source, train_per_class: float, num_val: float, num_test: float, split_seed: int
    ) -> None:
        super().__init__(source)
        self.split = PerClassSplit(train_per_class, num_val, num_test, split_seed)

    def read(self, files: Resolved) -> Graph:
        """Read the file that ``resolve`` found. Raises UserError for a file that does not contain a graph."""
        path = files.path(next(iter(self.source.files)))
        arrays = read_npz(path)
        require_arrays(path, arrays, ARRAYS)
        labels = arrays["labels"]
        num_nodes, num_features = (int(size) for size in arrays["attr_shape"])
        try:
            receivers = csr_rows(arrays["adj_indptr"], len(arrays["adj_indices"]))
            rows = csr_rows(arrays["attr_indptr"], len(arrays["attr_indices"]))
            words = (arrays["attr_data"] > 0).astype(np.float32)
            features = SparseFeatures.from_entries(rows, arrays["attr_indices"], words, (num_nodes, num_features))
        except ValueError as error:
            raise UserError(f"{path} does not contain a graph: {error}") from error
        edge_index = np.stack([arrays["adj_indices"].astype(np.int64), receivers])
        edge_index = in_both_directions(edge_index[:, edge_index[0] != edge_index[1]])
        return Graph.create(features, edge_index, labels, self.split(labels))

    def options(self) -> dict[str, Any]:
        """Return what the graph depends on besides the file."""
        return {"split": str(self.split)}

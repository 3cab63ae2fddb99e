"""A user's own graph from one .npz file."""

# N nodes, M edges, F features

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.npz import read_npz, require_arrays
from suite.data.per_class_split import PerClassSplit
from suite.data.readers import OwnFileReader
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.graph.arrays import in_both_directions
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph
from tasks.graph.split import stated_split


class GraphNpz(OwnFileReader):
    """Reader of a user's own .npz file.

    Its arrays are ``edge_index`` (2, M), ``y`` (N,) with -1 for unlabelled nodes, and the features: ``x`` (N, F), or
    the CSR arrays ``x_indptr``, ``x_indices``, ``x_data`` and ``x_shape``. Optional arrays ``train``, ``val`` and
    ``test`` are the split, as bool masks (N,) or as node numbers.

    Args:
        path: of the file, relative to the working directory.
        undirected: whether the reverse of each edge is added.
        train_per_class, num_val, num_test, split_seed: as those of ``PerClassSplit``, which draws the split if the
            file has none.
    """

    def __init__(
        self,
        path: str,
        undirected: bool,
        train_per_class: float,
        num_val: float,
        num_test: float,
        split_seed: int,
    ) -> None:
        super().__init__(path)
        self.undirected = undirected
        self.split = PerClassSplit(train_per_class, num_val, num_test, split_seed)

    def read(self, files: Resolved) -> Graph:
        """Read the file. Raises UserError for a file that does not contain a graph."""
        arrays = read_npz(self.path)
        require_arrays(self.path, arrays, ["edge_index", "y"])
        labels, edge_index = arrays["y"], arrays["edge_index"]
        for name in ("edge_index", "y"):
            if arrays[name].dtype.kind not in "iu":
                raise UserError(f"{self.path}: {name} must be an array of integers, got {arrays[name].dtype}")
        if labels.ndim != 1 or edge_index.ndim != 2 or len(edge_index) != 2:
            shapes = f"{edge_index.shape} and {labels.shape}"
            raise UserError(f"{self.path}: edge_index and y must have the shapes (2, M) and (N,), got {shapes}")
        if self.undirected:
            edge_index = in_both_directions(edge_index)
        features = read_features(self.path, arrays)
        split = stated_split(self.path, arrays, len(labels))
        split = self.split(labels) if split is None else split
        try:
            return Graph.create(features, edge_index, labels, split)
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from error

    def options(self) -> dict[str, Any]:
        """Return what the graph depends on besides the file."""
        return {"split": f"as in the file, else {self.split}", "undirected": self.undirected}


def read_features(path: Path, arrays: Mapping[str, np.ndarray]) -> SparseFeatures:
    """Return node features from ``x``, or from the CSR arrays ``x_*``.

    Raises UserError, naming the file ``path``, for arrays that are not a matrix.
    """
    if "x" not in arrays:
        require_arrays(path, arrays, ["x_indptr", "x_indices", "x_data", "x_shape"])
        csr = (arrays["x_indptr"], arrays["x_indices"], arrays["x_data"])
        try:
            return SparseFeatures.from_csr(*csr, int(arrays["x_shape"][1]))
        except (ValueError, IndexError, TypeError) as error:
            raise UserError(f"{path}: the features x_* are not a CSR matrix: {error}") from error
    x = arrays["x"]
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        raise UserError(f"{path}: x must be an array of numbers of shape (N, F), got {x.dtype} {x.shape}")
    return SparseFeatures.from_dense(x)

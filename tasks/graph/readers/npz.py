"""Graphs from .npz files: the Amazon product graphs, and a user's own."""

# N nodes, M edges, F features, C classes

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.cache import Arrays
from suite.data.files import sha256_of
from suite.data.per_class_split import PerClassSplit
from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.graph.features import SparseFeatures, csr_rows
from tasks.graph.graph import PARTS, Graph


class AmazonNpz:
    """Reader of the co-purchase graphs of Shchur et al. (2018): adjacency and words as CSR arrays, no public split.

    As elsewhere, loops are dropped, edges count both ways and words are present or not.
    """

    def __init__(self, source: Source, split: PerClassSplit) -> None:
        self.source = source
        self.split = split

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find or fetch the file; raises UserError as ``suite.data.resolve.resolve`` does."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Graph:
        """Read what ``resolve`` found. Raises UserError for a file that does not make a graph."""
        path = files.path(next(iter(self.source.files)))
        arrays = load_npz(path)
        require(path, arrays, ["adj_indices", "adj_indptr", "attr_data", "attr_indices", "attr_indptr", "labels"])
        labels = arrays["labels"]
        num_nodes, num_features = (int(size) for size in arrays["attr_shape"])
        try:
            receivers = csr_rows(arrays["adj_indptr"], len(arrays["adj_indices"]))
            rows = csr_rows(arrays["attr_indptr"], len(arrays["attr_indices"]))
            words = (arrays["attr_data"] > 0).astype(np.float32)
            features = SparseFeatures.from_entries(rows, arrays["attr_indices"], words, (num_nodes, num_features))
        except ValueError as error:
            raise UserError(f"{path} does not hold a graph: {error}.") from error
        edge_index = np.stack([arrays["adj_indices"].astype(np.int64), receivers])
        edge_index = both_ways(edge_index[:, edge_index[0] != edge_index[1]])
        return Graph.create(features, edge_index, labels, self.split(labels))

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance beside the files."""
        return {"split": str(self.split)}


class GraphNpz:
    """Reader of a user's own .npz.

    It holds ``edge_index`` (2, M), ``y`` (N,) with -1 for unlabelled nodes, and features: ``x`` (N, F), or the CSR
    arrays ``x_indptr``, ``x_indices``, ``x_data`` and ``x_shape``. It may hold ``train``, ``val`` and ``test``, as
    Boolean masks (N,) or as node numbers; without them ``split`` draws one.
    """

    def __init__(self, path: str, split: PerClassSplit, undirected: bool = False) -> None:
        self.path = Path(path)
        self.split = split
        self.undirected = undirected

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find the file, relative to the working directory; raises UserError where it is missing."""
        return own_files(data_dir, self.path)

    def read(self, files: Resolved) -> Graph:
        """Read the file. Raises UserError for a file that does not make a graph."""
        arrays = load_npz(self.path)
        require(self.path, arrays, ["edge_index", "y"])
        labels, edge_index = arrays["y"], arrays["edge_index"]
        for name in ("edge_index", "y"):
            if arrays[name].dtype.kind not in "iu":
                raise UserError(f"{self.path}: {name} must hold integers, not {arrays[name].dtype}.")
        if labels.ndim != 1 or edge_index.ndim != 2 or len(edge_index) != 2:
            shapes = f"{edge_index.shape} and {labels.shape}"
            raise UserError(f"{self.path}: edge_index and y must have the shapes (2, M) and (N,), not {shapes}.")
        if self.undirected:
            edge_index = both_ways(edge_index)
        features, split = self._features(arrays), self._split(arrays, labels)
        try:
            return Graph.create(features, edge_index, labels, split)
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from error

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance beside the files."""
        return {"split": f"as in the file, else {self.split}", "undirected": self.undirected}

    def _features(self, arrays: Arrays) -> SparseFeatures:
        if "x" not in arrays:
            require(self.path, arrays, ["x_indptr", "x_indices", "x_data", "x_shape"])
            csr = (arrays["x_indptr"], arrays["x_indices"], arrays["x_data"])
            try:
                return SparseFeatures.from_csr(*csr, int(arrays["x_shape"][1]))
            except (ValueError, IndexError, TypeError) as error:
                raise UserError(f"{self.path}: the features x_* are not a CSR matrix: {error}.") from error
        x = arrays["x"]
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            raise UserError(f"{self.path}: x must hold numbers in the shape (N, F), not {x.dtype} {x.shape}.")
        return SparseFeatures.from_dense(x)

    def _split(self, arrays: Arrays, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        given = [part for part in PARTS if part in arrays]
        if not given:
            return self.split(labels)
        require(self.path, arrays, list(PARTS))
        for part in PARTS:
            mask = arrays[part].dtype == bool
            if arrays[part].ndim != 1 or (mask and len(arrays[part]) != len(labels)):
                raise UserError(f"{self.path}: {part} must be a mask of shape ({len(labels)},) or a list of nodes.")
        return tuple(np.flatnonzero(arrays[p]) if arrays[p].dtype == bool else arrays[p] for p in PARTS)


def both_ways(edge_index: np.ndarray) -> np.ndarray:
    """Every edge and its reverse, (2, 2M)."""
    return np.concatenate([edge_index, edge_index[::-1]], axis=1)


def own_files(data_dir: Path | str, *paths: Path) -> Resolved:
    """The user's own files, with their SHA-256 for the provenance; raises UserError for a missing one."""
    for path in paths:
        if not path.is_file():
            raise UserError(f"The file {path} does not exist. Give its path from here, or a full path.")
    hashes = {str(path): sha256_of(path) for path in paths}
    return Resolved("files", Path(data_dir), paths[0].parent, "your own files", hashes, licence="yours")


def load_npz(path: Path) -> Arrays:
    """The arrays of an .npz, of plain numbers only; raises UserError for anything else."""
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array, not several with names")
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable .npz of plain arrays: {error}") from error


def require(path: Path, arrays: Arrays, names: list[str]) -> None:
    """Raise UserError for arrays that are not in the file."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UserError(f"{path} has no array {', '.join(missing)}; it has {', '.join(sorted(arrays))}.")

"""Graphs in the file format of Planetoid (Yang et al. 2016): Cora, Citeseer, Pubmed, and other sets."""

# N nodes, M edges, F features, C classes; the first nodes are in allx and ally, the test nodes in tx and ty

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.data import catalogue
from suite.data.cache import Arrays, cached
from suite.data.readers import SourceReader
from suite.data.source import Resolved, Source
from suite.data.unpickle import CsrMatrix, read_pickle
from suite.errors import UserError
from tasks.graph.arrays import graph_from_arrays, graph_to_arrays
from tasks.graph.features import SparseFeatures, csr_rows
from tasks.graph.graph import Graph
from tasks.graph.readers.papers import read_papers
from tasks.graph.split import public_split

FILES = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
VERSION = "1"  # of this reader; it changes when the same files give other arrays


class Planetoid(SourceReader):
    """Reader of ``ind.NAME.{x,y,tx,ty,allx,ally,graph,test.index}`` with the public split.

    Args:
        name: of the data set; in small letters it is part of the file names.
        source: of the files. The default is the source of the preset with this name; if there is no such preset, the
            files are read from ``planetoid/NAME/raw`` in the data directory and their hashes are not checked.
        class_names: names of the classes, in the order of their numbers.
    """

    def __init__(self, name: str, source: Source | None = None, class_names: Sequence[str] | None = None) -> None:
        super().__init__(source or recorded_source(name) or own_source(name))
        self.name = name
        self.class_names = None if class_names is None else tuple(class_names)

    def read(self, files: Resolved) -> Graph:
        """Read the files that ``resolve`` found. Raises UserError for files that do not contain a graph."""

        def build() -> Arrays:
            if files.kind == "wheel":
                return read_papers(files)
            return _read_raw(files, self.name)

        arrays = cached(files.data_dir, self.name.lower(), {**files.sha256, "reader": VERSION}, build)
        return graph_from_arrays(arrays, self.class_names)

    def options(self) -> dict[str, Any]:
        """Return what the graph depends on besides the files."""
        return {"name": self.name, "split": "public"}


def recorded_source(name: str) -> Source | None:
    """Return the source of the preset with this name, in any case; None if there is no such preset."""
    option = f"graph/{name.lower()}"
    return next((item.source for item in catalogue.list_sets() if item.option == option), None)


def own_source(name: str) -> Source:
    """Return a source without hashes and address for a user's own files in this format."""
    files = {f"ind.{name.lower()}.{part}": None for part in FILES}
    return Source(name=name, folder=f"planetoid/{name}/raw", files=files)


def _read_raw(files: Resolved, name: str) -> Arrays:
    """Return the arrays of a graph from the eight files; a node in none of them has no features and no label."""
    paths = {part: files.path(f"ind.{name.lower()}.{part}") for part in FILES}
    content = {part: read_pickle(path) for part, path in paths.items() if part != "test.index"}
    test = _read_test_index(paths["test.index"])
    num_nodes = int(test.max()) + 1
    try:
        num_known, num_features = content["allx"].shape
        num_classes = content["ally"].shape[1]
        if test.min() < num_known:
            raise ValueError(f"test.index names node {int(test.min())}, which is in allx")
        known, tested = _entries(content["allx"]), _entries(content["tx"])
        rows = np.concatenate([known[0], test[tested[0]]])
        columns, values = (np.concatenate([known[i], tested[i]]) for i in (1, 2))
        labels = np.full(num_nodes, -1)
        labels[:num_known], labels[test] = _classes(content["ally"]), _classes(content["ty"])
        features = SparseFeatures.from_entries(rows, columns, values, (num_nodes, num_features))
        num_train = len(content["y"])
        edge_index = _edges(content["graph"])
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"The files {paths['x'].parent}/ind.{name.lower()}.* do not fit together: {error}") from error
    return graph_to_arrays(features, edge_index, labels, public_split(num_train, num_known, test), num_classes)


def _read_test_index(path: Path) -> np.ndarray:
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if line.strip() and not (line.strip().isdigit() and len(line) < 12):
            raise UserError(f"{path}, line {number}: {line[:40]!r} is not a node number")
    test = np.array([int(line) for line in lines if line.strip()], dtype=np.int64)
    if len(test) == 0:
        raise UserError(f"{path} has no test nodes")
    return test


def _entries(matrix: CsrMatrix | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and value of each stored entry."""
    if isinstance(matrix, CsrMatrix):
        return csr_rows(matrix.indptr, len(matrix.indices)), matrix.indices, matrix.data
    rows, columns = np.nonzero(matrix)
    return rows, columns, matrix[rows, columns]


def _classes(one_hot: np.ndarray) -> np.ndarray:
    """Return the class of each row of a one-hot matrix; -1 for a row of zeros."""
    return np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), -1)


def _edges(neighbours: Mapping[int, Sequence[int]]) -> np.ndarray:
    """Return edges (2, M) from lists of neighbours, without the few self-loops in the files."""
    senders = np.repeat(
        np.fromiter(neighbours, dtype=np.int64), np.array([len(row) for row in neighbours.values()], dtype=np.int64)
    )
    receivers = np.array([node for row in neighbours.values() for node in row], dtype=np.int64)
    edge_index = np.stack([senders, receivers])
    return edge_index[:, senders != receivers]

"""Graphs in the form of Planetoid (Yang et al. 2016): Cora, Citeseer, Pubmed, and any other set of such files."""

# N nodes, M edges, F features, C classes; the first nodes have rows in allx and ally, the test nodes in tx and ty

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.data import catalogue
from suite.data.cache import Arrays, cached
from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.data.unpickle import CsrMatrix, read_pickle
from suite.errors import UserError
from tasks.graph.features import SparseFeatures, csr_rows
from tasks.graph.graph import PARTS, Graph

FILES = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
NUM_VAL = 500  # the nodes after the training nodes, as in every paper that uses the public split
VERSION = "1"  # of this reader; raise it when it returns something else for the same files


class Planetoid:
    """Reader of ``ind.NAME.{x,y,tx,ty,allx,ally,graph,test.index}`` with their public split.

    Without ``source`` the files are looked for in ``planetoid/NAME/raw`` of the data directory and taken as they are.
    """

    def __init__(self, name: str, source: Source | None = None, class_names: Sequence[str] | None = None) -> None:
        self.name = name
        self.source = source or own_files(name)
        self.class_names = None if class_names is None else tuple(class_names)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find or fetch the files; raises UserError as ``suite.data.resolve.resolve`` does."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Graph:
        """Read what ``resolve`` found. Raises UserError for files that do not make a graph."""

        def build() -> Arrays:
            if files.kind == "wheel":
                from tasks.graph.readers.papers import read_papers

                return read_papers(files)
            return _read_raw(files, self.name)

        arrays = cached(files.data_dir, self.name.lower(), {**files.sha256, "reader": VERSION}, build)
        return _graph(arrays, self.class_names)

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance beside the files."""
        return {"name": self.name, "split": "public"}


def recorded(name: str) -> Source | None:
    """The source of a set that has a preset, by its name in any letters: ``data.name=citeseer``; else None."""
    option = f"graph/{name.lower()}"
    return next((item.source for item in catalogue.list_sets() if item.option == option), None)


def own_files(name: str) -> Source:
    """The source of a set that nobody has recorded: files of this form, wherever the user has them."""
    files = {f"ind.{name.lower()}.{part}": None for part in FILES}
    return Source(name=name, folder=f"planetoid/{name}/raw", files=files)


def _read_raw(files: Resolved, name: str) -> Arrays:
    """The arrays of a graph from the eight files; a node without a row anywhere has no features and no label."""
    paths = {part: files.path(f"ind.{name.lower()}.{part}") for part in FILES}
    content = {part: read_pickle(path) for part, path in paths.items() if part != "test.index"}
    test = _read_test_index(paths["test.index"])
    num_nodes = int(test.max()) + 1
    try:
        num_known, num_features = content["allx"].shape
        num_classes = content["ally"].shape[1]
        if test.min() < num_known:
            raise ValueError(f"test.index names node {int(test.min())}, which stands in allx")
        known, tested = _entries(content["allx"]), _entries(content["tx"])
        rows = np.concatenate([known[0], test[tested[0]]])
        columns, values = (np.concatenate([known[i], tested[i]]) for i in (1, 2))
        labels = np.full(num_nodes, -1)
        labels[:num_known], labels[test] = _classes(content["ally"]), _classes(content["ty"])
        features = SparseFeatures.from_entries(rows, columns, values, (num_nodes, num_features))
        num_train = len(content["y"])
        edge_index = _edges(content["graph"])
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"The files {paths['x'].parent}/ind.{name.lower()}.* do not fit together: {error}.") from error
    val = np.arange(num_train, min(num_train + NUM_VAL, num_known))
    return graph_arrays(features, edge_index, labels, (np.arange(num_train), val, test), num_classes)


def _read_test_index(path: Path) -> np.ndarray:
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if line.strip() and not (line.strip().isdigit() and len(line) < 12):
            raise UserError(f"{path}, line {number}: {line[:40]!r} is not the number of a node.")
    test = np.array([int(line) for line in lines if line.strip()], dtype=np.int64)
    if len(test) == 0:
        raise UserError(f"{path} names no test node.")
    return test


def _entries(matrix: CsrMatrix | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and value of every entry."""
    if isinstance(matrix, CsrMatrix):
        return csr_rows(matrix.indptr, len(matrix.indices)), matrix.indices, matrix.data
    rows, columns = np.nonzero(matrix)
    return rows, columns, matrix[rows, columns]


def _classes(one_hot: np.ndarray) -> np.ndarray:
    """The class of every row, (rows,); -1 for a row of zeros."""
    return np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), -1)


def _edges(neighbours: Mapping[int, Sequence[int]]) -> np.ndarray:
    """Edges (2, M) from the lists of neighbours. They hold a few loops, which, as elsewhere, do not count as edges."""
    senders = np.repeat(
        np.fromiter(neighbours, dtype=np.int64), np.array([len(row) for row in neighbours.values()], dtype=np.int64)
    )
    receivers = np.array([node for row in neighbours.values() for node in row], dtype=np.int64)
    edge_index = np.stack([senders, receivers])
    return edge_index[:, senders != receivers]


def graph_arrays(
    features: SparseFeatures, edge_index: np.ndarray, labels: np.ndarray, split: Sequence[np.ndarray], num_classes: int
) -> dict[str, np.ndarray]:
    """A graph as the arrays that the cache keeps."""
    return {
        "feature_offsets": features.offsets.numpy(),
        "feature_columns": features.columns.numpy(),
        "feature_values": features.values.numpy(),
        "num_features": np.array(features.num_columns),
        "edge_index": edge_index,
        "labels": labels,
        "num_classes": np.array(num_classes),
        **dict(zip(PARTS, split, strict=True)),
    }


def _graph(arrays: Arrays, class_names: tuple[str, ...] | None) -> Graph:
    offsets, columns, values = (arrays[f"feature_{part}"] for part in ("offsets", "columns", "values"))
    features = SparseFeatures.from_csr(offsets, columns, values, int(arrays["num_features"]))
    split = [arrays[part] for part in PARTS]
    num_classes = int(arrays["num_classes"])
    return Graph.create(features, arrays["edge_index"], arrays["labels"], split, num_classes, class_names=class_names)

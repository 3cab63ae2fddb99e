"""The Amazon graphs are what PyG reads; files that are not such a graph raise an error."""

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.data.source import Resolved, Source
from suite.data.splits import SPLITS
from suite.errors import UserError
from tasks.graph.readers.amazon import AmazonNpz
from tests.graph.pyg_graphs import assert_equal_to_pyg
from tests.presets import build_preset


def test_computers_equal_what_pyg_reads_and_their_split_is_seeded(data_dir: Path, pyg):
    path = data_dir / "amazon/Computers/raw/amazon_electronics_computers.npz"
    if not path.is_file():
        pytest.skip(f"{path} does not exist")
    data = build_preset("graph/amazon_computers", dir=data_dir)
    graph = data.reader.read(data.reader.resolve(data_dir))
    assert (graph.num_nodes, graph.edge_index.shape[1], graph.num_features, graph.num_classes) == (
        13752,
        491722,
        767,
        10,
    )
    assert_equal_to_pyg(graph, pyg.io.read_npz(str(path)))
    assert [len(getattr(graph, name)) for name in SPLITS] == [200, 500, 1000]
    assert torch.bincount(graph.labels[graph.train]).tolist() == [20] * 10


GRAPH = {
    "adj_indptr": np.array([0, 2, 3, 4]),
    "adj_indices": np.array([0, 1, 2, 0]),
    "attr_indptr": np.array([0, 1, 2, 3]),
    "attr_indices": np.array([0, 1, 1]),
    "attr_data": np.array([2.0, 1.0, 0.5]),
    "attr_shape": np.array([3, 2]),
    "labels": np.array([0, 0, 0]),
}


def read(folder: Path, arrays: dict[str, np.ndarray]):
    np.savez(folder / "a.npz", **arrays)
    reader = AmazonNpz(Source(name="a", folder=".", files={"a.npz": None}), 1, 1, 1, 0)
    return reader.read(Resolved("files", folder, folder, "a test"))


def test_edges_are_in_both_directions_without_self_loops_and_words_are_binary(tmp_path: Path):
    graph = read(tmp_path, GRAPH)
    assert graph.edge_index.tolist() == [[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]
    assert graph.features.to_dense().tolist() == [[1, 0], [0, 1], [0, 1]]


def test_arrays_that_are_not_a_graph_raise_an_error(tmp_path: Path):
    with pytest.raises(UserError, match=r"a\.npz does not contain a graph: the row offsets do not fit"):
        read(tmp_path, GRAPH | {"adj_indptr": np.array([0, 1])})
    with pytest.raises(UserError, match=r"a\.npz has no array attr_shape"):
        read(tmp_path, {name: array for name, array in GRAPH.items() if name != "attr_shape"})

"""A user's own graph from one .npz file, and the message for each error in it."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.graph.data import NpzGraphData
from tests.presets import build_preset

ROWS = 12
X = np.random.RandomState(0).rand(ROWS, 3).round(2)
Y = np.arange(ROWS) % 2
EDGES = np.array([[0, 1, 2, 11], [1, 2, 3, 0]])


def npz(tmp_path: Path, **arrays: object) -> str:
    path = tmp_path / "mine.npz"
    content = {"edge_index": EDGES, "x": X, "y": Y, **arrays}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return str(path)


def data(path: str, **options: object) -> NpzGraphData:
    return build_preset("graph/npz", path=path, **options)


def test_an_npz_is_read_and_split_by_the_seed(tmp_path: Path):
    graph = data(npz(tmp_path), normalize_features=False).graph
    np.testing.assert_allclose(graph.features.to_dense().numpy(), X.astype(np.float32))
    assert graph.edge_index.shape == (2, 4)
    assert [len(part) for part in (graph.train, graph.val, graph.test)] == [6, 2, 2]
    other = data(npz(tmp_path), split_seed=1).graph
    assert other.split_hash() != graph.split_hash() == data(npz(tmp_path)).graph.split_hash()
    assert data(npz(tmp_path), undirected=True).graph.edge_index.shape == (2, 8)


def test_split_as_masks_or_numbers_and_features_as_csr_give_the_same_graph(tmp_path: Path):
    dense = data(npz(tmp_path, train=[0, 1], val=[2], test=[3])).graph
    masks = {part: np.isin(np.arange(ROWS), nodes) for part, nodes in (("train", [0, 1]), ("val", [2]), ("test", [3]))}
    csr = {
        "x": None,
        "x_indptr": np.arange(0, 37, 3),
        "x_indices": np.tile(np.arange(3), ROWS),
        "x_data": X.ravel(),
        "x_shape": [ROWS, 3],
    }
    assert data(npz(tmp_path, **masks, **csr)).graph.content_hash() == dense.content_hash()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": None}, r"mine\.npz has no array y; it has edge_index, x"),
        ({"x": None}, r"mine\.npz has no array x_indptr"),
        ({"edge_index": EDGES + 1}, r"mine\.npz: Edge 3 \(12 -> 1\) points outside the graph"),
        ({"edge_index": EDGES.astype(float)}, "edge_index must be an array of integers, got float64"),
        ({"edge_index": EDGES.T}, r"must have the shapes \(2, M\) and \(N,\), got \(4, 2\)"),
        ({"y": np.full(ROWS, -1)}, "nothing to train on"),
        ({"train": [], "val": [1], "test": [2]}, "no training node"),
        ({"train": [0]}, r"mine\.npz has no array val, test"),
        ({"train": [0], "val": [0], "test": [1]}, r"mine\.npz: Node 0 is in the split twice"),
        ({"train": np.ones(3, bool), "val": [0], "test": [1]}, r"train must be a mask of shape \(12,\)"),
        ({"x": X[:-1]}, "11 rows of features and 12 labels"),
        ({"x": np.full((ROWS, 2), np.nan)}, r"mine\.npz: Node 0 has a feature that is not a finite number"),
        ({"x": np.array([["a"]] * ROWS)}, "x must be an array of numbers"),
        ({"x": np.array([[{}]] * ROWS)}, "not a readable .npz of plain arrays"),
    ],
)
def test_arrays_that_are_not_a_graph_raise_an_error(tmp_path: Path, arrays: dict, message: str):
    with pytest.raises(UserError, match=message):
        data(npz(tmp_path, **arrays)).setup()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"], ids=["empty", "truncated", "text"])
def test_a_file_that_is_not_an_npz_raises_an_error(tmp_path: Path, content: bytes):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"not a readable \.npz"):
        data(str(tmp_path / "mine.npz")).setup()


def test_the_error_for_a_missing_file_names_it(tmp_path: Path):
    with pytest.raises(UserError, match=r"nowhere\.npz does not exist"):
        data(str(tmp_path / "nowhere.npz")).prepare_data()

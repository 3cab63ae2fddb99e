"""A user's own graph, and what is said when something is wrong with it."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.graph.data import NpzData, TablesData

ROWS = 12
X = np.random.RandomState(0).rand(ROWS, 3).round(2)
Y = np.arange(ROWS) % 2
EDGES = np.array([[0, 1, 2, 11], [1, 2, 3, 0]])


def npz(tmp_path: Path, **arrays: object) -> str:
    path = tmp_path / "mine.npz"
    content = {"edge_index": EDGES, "x": X, "y": Y, **arrays}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return str(path)


def test_an_npz_is_read_and_split_by_the_seed(tmp_path: Path):
    graph = NpzData(npz(tmp_path), normalize_features=False).graph
    np.testing.assert_allclose(graph.features.to_dense().numpy(), X.astype(np.float32))
    assert graph.edge_index.shape == (2, 4)
    assert [len(part) for part in (graph.train, graph.val, graph.test)] == [6, 2, 2]
    other = NpzData(npz(tmp_path), split_seed=1).graph
    assert other.split_hash() != graph.split_hash() == NpzData(npz(tmp_path)).graph.split_hash()
    assert NpzData(npz(tmp_path), undirected=True).graph.edge_index.shape == (2, 8)


def test_an_npz_may_hold_its_split_as_masks_or_numbers_and_its_features_as_csr(tmp_path: Path):
    dense = NpzData(npz(tmp_path, train=[0, 1], val=[2], test=[3])).graph
    masks = {part: np.isin(np.arange(ROWS), nodes) for part, nodes in (("train", [0, 1]), ("val", [2]), ("test", [3]))}
    csr = {
        "x": None,
        "x_indptr": np.arange(0, 37, 3),
        "x_indices": np.tile(np.arange(3), ROWS),
        "x_data": X.ravel(),
        "x_shape": [ROWS, 3],
    }
    assert NpzData(npz(tmp_path, **masks, **csr)).graph.content_hash() == dense.content_hash()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": None}, r"mine\.npz has no array y; it has edge_index, x"),
        ({"x": None}, r"mine\.npz has no array x_indptr"),
        ({"edge_index": EDGES + 1}, r"mine\.npz: Edge 3 \(12 -> 1\) points outside the graph"),
        ({"edge_index": EDGES.astype(float)}, "edge_index must hold integers, not float64"),
        ({"edge_index": EDGES.T}, r"must have the shapes \(2, M\) and \(N,\), not \(4, 2\)"),
        ({"y": np.full(ROWS, -1)}, "nothing to train on"),
        ({"train": [], "val": [1], "test": [2]}, "no training node"),
        ({"train": [0]}, r"mine\.npz has no array val, test"),
        ({"train": [0], "val": [0], "test": [1]}, r"mine\.npz: Node 0 is in the split twice"),
        ({"train": np.ones(3, bool), "val": [0], "test": [1]}, r"train must be a mask of shape \(12,\)"),
        ({"x": X[:-1]}, "11 rows of features and 12 labels"),
        ({"x": np.full((ROWS, 2), np.nan)}, r"mine\.npz: Node 0 has a feature that is not a finite number"),
        ({"x": np.array([["a"]] * ROWS)}, "x must hold numbers"),
        ({"x": np.array([[{}]] * ROWS)}, "not a readable .npz of plain arrays"),
    ],
)
def test_an_npz_that_makes_no_graph_is_refused(tmp_path: Path, arrays: dict, message: str):
    with pytest.raises(UserError, match=message):
        NpzData(npz(tmp_path, **arrays)).setup()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"], ids=["empty", "truncated", "text"])
def test_what_is_no_npz_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"not a readable \.npz"):
        NpzData(str(tmp_path / "mine.npz")).setup()


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"nowhere\.npz does not exist"):
        NpzData(str(tmp_path / "nowhere.npz")).prepare_data()


NODES_CSV = "id,width,label,height\n" + "".join(f"n{i},{X[i, 0]},{'ab'[i % 2]},{X[i, 1]}\n" for i in range(ROWS))
EDGES_CSV = "source,target,since\nn0,n1,1999\nn1,n2,2000\nn11,n0,\n"


def tables(tmp_path: Path, nodes: str | bytes = NODES_CSV, edges: str | bytes = EDGES_CSV, **options) -> TablesData:
    for name, content in (("nodes.csv", nodes), ("edges.csv", edges)):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return TablesData(str(tmp_path / "nodes.csv"), str(tmp_path / "edges.csv"), **options)


def test_a_pair_of_tables_is_read(tmp_path: Path):
    graph = tables(tmp_path, normalize_features=False).graph
    np.testing.assert_allclose(graph.features.to_dense().numpy(), X[:, :2].astype(np.float32))
    assert graph.labels.tolist() == Y.tolist()
    assert graph.edge_index.tolist() == [[1, 11, 0, 2, 1, 0], [0, 0, 1, 1, 2, 11]]
    assert graph.node_names is not None
    assert graph.node_names[11] == "n11"
    assert graph.class_names == ("a", "b")
    assert tables(tmp_path, undirected=False).graph.edge_index.tolist() == [[11, 0, 1], [0, 1, 2]]


def test_byte_order_mark_quotes_spaces_and_other_line_ends_change_nothing(tmp_path: Path):
    plain = tables(tmp_path).graph.content_hash()
    dressed = "\ufeff" + NODES_CSV.replace("n0,", '"n0",').replace("\n", "\r\n") + "\r\n"
    assert tables(tmp_path, dressed).graph.content_hash() == plain


def test_names_may_hold_any_character_and_ids_may_be_numbers(tmp_path: Path):
    odd = NODES_CSV.replace("n0,", '"zwei\x85,\u2028Zeilen",')
    graph = tables(tmp_path, odd, EDGES_CSV.replace("n0", '"zwei\x85,\u2028Zeilen"')).graph
    assert graph.node_names is not None
    assert graph.node_names[0] == "zwei\x85,\u2028Zeilen"
    numbered = tables(tmp_path, NODES_CSV.replace("\nn", "\n"), "source,target\n0,1\n11,0\n").graph
    assert numbered.edge_index.tolist() == [[1, 11, 0, 0], [0, 0, 1, 11]]


def test_an_empty_label_is_no_label_and_numbers_sort_as_numbers(tmp_path: Path):
    labels = ["10", "9"] * 5 + ["", "10"]
    nodes = "id,x,label\n" + "".join(f"{i},1.5,{label}\n" for i, label in enumerate(labels))
    graph = tables(tmp_path, nodes, "source,target\n").graph
    assert graph.class_names == ("9", "10")
    assert graph.labels.tolist() == [1, 0] * 5 + [-1, 1]


def replaced(old: str, new: str) -> str:
    assert old in NODES_CSV
    return NODES_CSV.replace(old, new, 1)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (replaced("n3,", "n1,"), EDGES_CSV, r"nodes\.csv, line 5, column id: the id 'n1' stands in line 3 already"),
        (replaced("label", "class"), EDGES_CSV, r"nodes\.csv has 0 columns named 'label'.*id, width, class, height"),
        (replaced("width", "label"), EDGES_CSV, "has 2 columns named 'label'"),
        (replaced(f"n2,{X[2, 0]}", "n2,wide"), EDGES_CSV, r"line 4, column width: 'wide' is not a number"),
        (replaced(f"n2,{X[2, 0]}", "n2,nan"), EDGES_CSV, r"line 4, column width: 'nan' is not finite"),
        (replaced(f"n2,{X[2, 0]}", "n2,1e99"), EDGES_CSV, r"line 4, column width: '1e99' is not finite"),
        (replaced(f"n2,{X[2, 0]}", "n2"), EDGES_CSV, r"line 4: 3 cells, and the first line names 4 columns"),
        (replaced(f"n2,{X[2, 0]}", '"n2,1'), EDGES_CSV, r"nodes\.csv, line \d+: unexpected end of data"),
        (NODES_CSV.encode().replace(b"n4", b"n\xff"), EDGES_CSV, r"nodes\.csv, line 6: not valid UTF-8"),
        ("", EDGES_CSV, "is empty"),
        ("id,label\nn0,a\n", EDGES_CSV, "no column of features"),
        (NODES_CSV.replace(",a,", ",,").replace(",b,", ",,"), EDGES_CSV, "nothing to train on"),
        (NODES_CSV, EDGES_CSV.replace("n2", "n99"), r"edges\.csv, line 3, column target: there is no node 'n99'"),
        (NODES_CSV, EDGES_CSV.replace("target", "to"), r"edges\.csv has 0 columns named 'target'.*data\.target_column"),
    ],
)
def test_tables_that_make_no_graph_are_refused_by_line_and_column(tmp_path: Path, nodes, edges, message: str):
    with pytest.raises(UserError, match=message):
        tables(tmp_path, nodes, edges).setup()


def test_the_standard_split_is_refused_for_a_small_graph_with_the_way_out(tmp_path: Path):
    with pytest.raises(UserError, match=r"data\.train_per_class"):
        tables(tmp_path, train_per_class=20, num_val=500, num_test=1000).setup()

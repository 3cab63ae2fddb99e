"""A user's own graph from two tables, and the message for each error in them."""

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from suite.errors import UserError
from tasks.graph.data import TablesGraphData
from tests.presets import build_preset

ROWS = 12
X = np.random.RandomState(0).rand(ROWS, 3).round(2)
Y = np.arange(ROWS) % 2
NODES_CSV = "id,width,label,height\n" + "".join(f"n{i},{X[i, 0]},{'ab'[i % 2]},{X[i, 1]}\n" for i in range(ROWS))
EDGES_CSV = "source,target,since\nn0,n1,1999\nn1,n2,2000\nn11,n0,\n"


def tables(
    tmp_path: Path, nodes: str | bytes = NODES_CSV, edges: str | bytes = EDGES_CSV, **options: object
) -> TablesGraphData:
    for name, content in (("nodes.csv", nodes), ("edges.csv", edges)):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return build_preset("graph/csv", nodes=tmp_path / "nodes.csv", edges=tmp_path / "edges.csv", **options)


def test_two_tables_give_a_graph(tmp_path: Path):
    graph = tables(tmp_path, normalize_features=False).graph
    np.testing.assert_allclose(graph.features.to_dense().numpy(), X[:, :2].astype(np.float32))
    assert graph.labels.tolist() == Y.tolist()
    assert graph.edge_index.tolist() == [[1, 11, 0, 2, 1, 0], [0, 0, 1, 1, 2, 11]]
    assert graph.node_names is not None
    assert graph.node_names[11] == "n11"
    assert graph.class_names == ("a", "b")
    assert tables(tmp_path, undirected=False).graph.edge_index.tolist() == [[11, 0, 1], [0, 1, 2]]


def test_byte_order_mark_quotes_and_line_ends_do_not_change_the_graph(tmp_path: Path):
    plain = tables(tmp_path).graph.content_hash()
    dressed = "\ufeff" + NODES_CSV.replace("n0,", '"n0",').replace("\n", "\r\n") + "\r\n"
    assert tables(tmp_path, dressed).graph.content_hash() == plain


def test_ids_have_any_character_and_may_be_numbers(tmp_path: Path):
    odd = NODES_CSV.replace("n0,", '"zwei\x85,\u2028Zeilen",')
    graph = tables(tmp_path, odd, EDGES_CSV.replace("n0", '"zwei\x85,\u2028Zeilen"')).graph
    assert graph.node_names is not None
    assert graph.node_names[0] == "zwei\x85,\u2028Zeilen"
    numbered = tables(tmp_path, NODES_CSV.replace("\nn", "\n"), "source,target\n0,1\n11,0\n").graph
    assert numbered.edge_index.tolist() == [[1, 11, 0, 0], [0, 0, 1, 11]]


def test_an_empty_label_means_unlabelled_and_classes_sort_as_numbers(tmp_path: Path):
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
        (replaced("n3,", "n1,"), EDGES_CSV, r"nodes\.csv, line 5, column id: the id 'n1' is already used in line 3"),
        (replaced("label", "class"), EDGES_CSV, r"nodes\.csv: there is no column 'label'.*data\.label_column=COLUMN"),
        (replaced("width", "label"), EDGES_CSV, "2 columns are named 'label'"),
        (replaced(f"n2,{X[2, 0]}", "n2,wide"), EDGES_CSV, r"line 4, column width: 'wide' is not a finite number"),
        (replaced(f"n2,{X[2, 0]}", "n2,nan"), EDGES_CSV, r"line 4, column width: the cell is empty"),
        (replaced(f"n2,{X[2, 0]}", "n2,1e99"), EDGES_CSV, r"line 4, column width: '1e99' is not finite"),
        (replaced(f"n2,{X[2, 0]}", "n2"), EDGES_CSV, r"line 4: 3 cells, and the first line has 4"),
        (replaced(f"n2,{X[2, 0]}", '"n2,1'), EDGES_CSV, r"nodes\.csv, line \d+: a quote is opened and never closed"),
        (NODES_CSV.encode().replace(b"n4", b"n\xff"), EDGES_CSV, r"nodes\.csv, line 6: not valid UTF-8"),
        ("", EDGES_CSV, "is empty"),
        ("id,label\nn0,a\n", EDGES_CSV, "has no feature columns"),
        (NODES_CSV.replace(",a,", ",,").replace(",b,", ",,"), EDGES_CSV, "nothing to train on"),
        (NODES_CSV, EDGES_CSV.replace("n2", "n99"), r"edges\.csv, line 3, column target: there is no node 'n99'"),
        (
            NODES_CSV,
            EDGES_CSV.replace("target", "to"),
            r"edges\.csv: there is no column 'target'.*target_column=COLUMN",
        ),
    ],
)
def test_the_message_names_file_line_and_column(tmp_path: Path, nodes, edges, message: str):
    with pytest.raises(UserError, match=message):
        tables(tmp_path, nodes, edges).setup()


def test_a_split_that_is_too_large_for_the_graph_names_the_key(tmp_path: Path):
    with pytest.raises(UserError, match=r"data\.train_per_class"):
        tables(tmp_path, train_per_class=20, num_val=500, num_test=1000).setup()


def test_parquet_gives_the_same_graph_as_csv(tmp_path: Path):
    plain = tables(tmp_path).graph
    columns = {
        "id": [f"n{i}" for i in range(ROWS)],
        "label": ["ab"[i % 2] for i in range(ROWS)],
        "width": X[:, 0],
        "height": X[:, 1],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "nodes.parquet")
    data = build_preset("graph/csv", nodes=tmp_path / "nodes.parquet", edges=tmp_path / "edges.csv")
    assert data.graph.content_hash() == plain.content_hash()

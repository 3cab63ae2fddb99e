"""Graphs: checks, hashes, order of edges, and exchange with PyG."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from suite.errors import UserError
from tasks.graph.features import SparseFeatures
from tasks.graph.graph import Graph

N, F = 7, 5
WORDS = np.array([[1, 0, 2, 0, 0]] * 3 + [[0, 3, 0, 0, 1]] * 3 + [[0] * 5], dtype=np.float32)
EDGES = np.array([[0, 1, 2, 0, 5, 3], [1, 0, 0, 2, 3, 5]])
LABELS = np.array([0, 0, 0, 1, 1, 1, -1])
SPLIT = ([0, 3], [1, 4], [5, 2])


def make(edges=EDGES, labels=LABELS, split=SPLIT, words=WORDS, **names) -> Graph:
    return Graph.create(SparseFeatures.from_dense(words), edges, labels, [np.array(p, int) for p in split], **names)


def test_edges_are_sorted_by_receiver_without_duplicates():
    graph = make(np.concatenate([EDGES, EDGES[:, :2]], axis=1))
    assert graph.edge_index.tolist() == [[1, 2, 0, 0, 5, 3], [0, 0, 1, 2, 3, 5]]


def test_equal_graphs_have_equal_hashes_and_different_graphs_do_not():
    graph = make()
    assert make(EDGES[:, ::-1], split=([3, 0], [4, 1], [2, 5])).content_hash() == graph.content_hash()
    assert make(node_names=list("abcdefg"), class_names=["x", "y"]).content_hash() == graph.content_hash()
    others = [
        make(EDGES[:, 1:]),
        make(EDGES[::-1][:, :3]),
        make(labels=np.array([0, 0, 0, 1, 1, 1, 0])),
        make(words=WORDS * 2),
        make(split=([0, 3], [1], [4, 5, 2])),
    ]
    assert len({g.content_hash() for g in [graph, *others]}) == 1 + len(others)
    assert others[0].split_hash() == graph.split_hash() != others[-1].split_hash()


def test_the_bytes_of_the_hash_are_fixed():
    assert make().content_hash() == "79daf9006024212e4c08c1a676769968be6d2177e9370d30b310bd174fc15e7a"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"edges": np.array([[0, 1], [1, 7]])},
            r"Edge 1 \(1 -> 7\) points outside the graph, whose 7 nodes are 0\.\.6",
        ),
        ({"edges": np.array([[-1], [1]])}, r"Edge 0 \(-1 -> 1\)"),
        ({"edges": np.array([0, 1])}, r"shape \(2, M\)"),
        ({"labels": np.array([0, 0, 0, 1, 1, 1, -2])}, r"Node 6 has label -2; labels are 0\.\.1"),
        ({"labels": LABELS[:-1]}, "7 rows of features and 6 labels"),
        ({"split": ([], [1], [2])}, "no training node"),
        ({"split": ([0], [1], [7])}, r"test split has a node outside 0\.\.6"),
        ({"split": ([0], [6], [2])}, "Node 6 is in the val split and has no label"),
        ({"split": ([0], [1, 0], [2])}, "Node 0 is in the split twice"),
        ({"split": ([0], [1, 1], [2])}, "Node 1 is in the split twice"),
        ({"words": np.where(WORDS == 3, np.nan, WORDS)}, "Node 3 has a feature that is not a finite number"),
        ({"num_classes": 1}, r"Node 3 has label 1; labels are 0\.\.0"),
    ],
)
def test_a_graph_that_does_not_fit_together_raises_an_error(change: dict, message: str):
    with pytest.raises(UserError, match=message):
        make(**change)


def test_a_graph_moves_copies_and_pickles():
    graph = make(class_names=["x", "y"])
    assert graph.to("cpu") is graph
    moved = graph.to("meta")
    assert {moved.labels.device.type, moved.train.device.type, moved.features.values.device.type} == {"meta"}
    assert moved.class_names == ("x", "y")
    for same in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert same.content_hash() == graph.content_hash()


def test_a_graph_survives_the_way_to_pyg_and_back(pyg):
    graph = make()
    data = graph.to_pyg()
    assert data.validate()
    assert data.num_nodes == N
    assert data.num_features == F
    assert Graph.from_pyg(data).content_hash() == graph.content_hash()


def test_a_graph_without_edges_is_a_graph():
    graph = make(np.empty((2, 0), dtype=int))
    assert graph.edge_index.shape == (2, 0)
    assert replace(graph).content_hash() == graph.content_hash()

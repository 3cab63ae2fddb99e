"""A graph as plain arrays."""

import numpy as np

from tasks.graph.arrays import graph_from_arrays, graph_to_arrays, in_both_directions
from tests.graph.test_graph import make


def test_a_graph_survives_the_way_to_arrays_and_back():
    graph = make()
    split = [getattr(graph, name).numpy() for name in ("train", "val", "test")]
    arrays = graph_to_arrays(graph.features, graph.edge_index.numpy(), graph.labels.numpy(), split, graph.num_classes)
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    again = graph_from_arrays(arrays, ["x", "y"])
    assert again.content_hash() == graph.content_hash()
    assert again.class_names == ("x", "y")


def test_each_edge_gets_its_reverse():
    assert in_both_directions(np.array([[0, 1], [2, 3]])).tolist() == [[0, 1, 2, 3], [2, 3, 0, 1]]

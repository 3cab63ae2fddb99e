"""New nodes of a graph."""

import pytest
import torch

from suite.errors import UserError
from tasks.graph.new_nodes import NodeRecord, add_nodes, parse_node
from tests.graph.test_graph import make


def test_new_nodes_are_added_after_the_others_with_edges_from_their_neighbors() -> None:
    graph = make()
    ids = {str(node): node for node in range(8)}
    new = NodeRecord("7", {1: 2.0, 4: 6.0}, ("0", "3", "3", "7"))
    extended = add_nodes(graph, ids, [new], normalize=True)
    assert extended.num_nodes == 8
    added = extended.edge_index[:, graph.edge_index.shape[1] :]
    assert added.tolist() == [[0, 3], [7, 7]]
    torch.testing.assert_close(extended.features.to_dense()[7], torch.tensor([0, 0.25, 0, 0, 0.75]))
    assert torch.equal(extended.features.to_dense()[:7], graph.features.to_dense())
    assert int(extended.labels[7]) == -1


def test_records_are_ids_or_dicts() -> None:
    assert parse_node(5, "row 1") == NodeRecord("5")
    assert parse_node({"id": 5}, "row 1") == NodeRecord("5")
    assert parse_node({"id": "a", "features": [0, 2]}, "row 1").features == {0: 0.0, 1: 2.0}
    with pytest.raises(UserError, match="row 1: neighbors must be a list of ids"):
        parse_node({"id": "a", "features": [1], "neighbors": "bc"}, "row 1")

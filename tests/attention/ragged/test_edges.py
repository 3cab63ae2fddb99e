"""The edge layout: sorting, gathers with their gradients, self-loops, and rejected edges."""

import pytest
import torch

from suite.attention.ragged.edges import Edges, add_self_loops

N = 11
INDEX = torch.tensor([[4, 0, 2, 4, 1], [1, 0, 1, 0, 2]])


def test_edges_are_sorted_by_receiver_and_results_return_in_the_callers_order() -> None:
    edges = Edges.from_index(INDEX, num_receivers=3, num_senders=5)
    assert edges.receivers.ids.tolist() == [0, 0, 1, 1, 2]
    assert edges.senders.tolist() == [0, 4, 4, 2, 1]
    numbers = torch.arange(5)
    assert torch.equal(edges.to_caller(numbers[edges.order]), numbers)
    assert Edges.from_index(INDEX[:, edges.order], 3, 5).order is None
    expected = torch.zeros(3, 5, dtype=torch.bool)
    expected[INDEX[1], INDEX[0]] = True
    assert torch.equal(edges.mask(), expected)


def test_gathers_and_their_gradients_follow_the_index() -> None:
    edges = Edges.from_index(INDEX, num_receivers=3, num_senders=5)
    receivers = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    senders = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.equal(edges.to_receivers(receivers), receivers[edges.receivers.ids])
    assert torch.equal(edges.to_senders(senders), senders[edges.senders])
    assert torch.autograd.gradcheck(edges.to_receivers, receivers)
    assert torch.autograd.gradcheck(edges.to_senders, senders)
    x = torch.randn(5, 2, dtype=torch.float64)
    expected = torch.zeros(5, 2, dtype=torch.float64).index_add(0, edges.senders, x)
    torch.testing.assert_close(edges.sum_by_sender(x), expected)


def test_self_loops_are_added_once_and_edges_sorted() -> None:
    edge_index = add_self_loops(torch.tensor([[2, 1, 1], [0, 1, 0]]), 3)
    assert edge_index.tolist() == [[0, 1, 2, 1, 2], [0, 0, 0, 1, 2]]


@pytest.mark.parametrize(
    ("edge_index", "message"),
    [
        (torch.tensor([[0, 11], [1, 2]]), "edge 1 has sender 11, outside the 11 nodes 0..10"),
        (torch.tensor([[0, 1], [-1, 2]]), "edge 0 has receiver -1"),
        (torch.zeros(3, 2, dtype=torch.int64), r"int64 of shape \(2, M\)"),
        (torch.zeros(2, 2), "got torch.float32"),
    ],
)
def test_bad_edges_raise(edge_index: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Edges.from_index(edge_index, N)

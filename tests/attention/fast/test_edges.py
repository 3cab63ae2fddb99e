"""Attention along edges by sparse products equals the reference, also for one group of heads at a time."""

import pytest
import torch

from suite.attention.choices.scores import Additive, GATScore, GATv2Score, ScaledDot, Score
from suite.attention.edge_functional import EdgeCall, attend_edges
from suite.attention.fast.edges import attend_edges_fast
from suite.attention.ragged import edge_softmax
from suite.attention.ragged.edges import Edges
from tests.attention.layers.test_graph import N, graph

H, D = 6, 3


@pytest.mark.parametrize("score", [ScaledDot(), *(cls(H, D) for cls in (GATScore, GATv2Score, Additive))], ids=repr)
@pytest.mark.parametrize("group", [1 << 20, 60], ids=["all heads", "groups of heads"])
def test_it_equals_the_reference(score: Score, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_softmax, "GROUP", group)
    edges, score = Edges.from_index(graph(), N), score.double()
    nodes = [torch.randn(N, H, width, dtype=torch.float64, requires_grad=True) for width in (D, D, 2)]
    results = []
    for attend in (attend_edges_fast, attend_edges):
        output = attend(EdgeCall(*nodes, edges, score))
        loss = output.context.square().sum() + output.weights.pow(3).sum()
        results.append([*output, *torch.autograd.grad(loss, [*nodes, *score.parameters()])])
    torch.testing.assert_close(*results)


def test_value_dropout_drops_entries_of_the_values() -> None:
    edges = Edges.from_index(torch.arange(500).repeat(2, 1), 500)  # each node attends to itself with weight 1
    x = torch.ones(500, H, D)
    context = attend_edges_fast(EdgeCall(x, x, x, edges, ScaledDot(), value_dropout_p=0.5)).context
    assert set(context.unique().tolist()) == {0.0, 2.0}

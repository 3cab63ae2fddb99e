"""Attention over edges as one object: layouts, gradients, and choices that are rejected when it is built."""

import pytest
import torch

from suite.attention.choices.location_scores import LocationSensitive
from suite.attention.choices.scores import Additive, GATScore, GATv2Score, ScaledDot, Score
from suite.attention.edge_attention import EdgeAttention
from suite.attention.ragged.edges import Edges
from tests.attention.conftest import IMPLEMENTATIONS
from tests.attention.layers.test_graph import N, graph

H, D = 3, 7


@pytest.mark.parametrize("score", [GATScore(2, 3), GATv2Score(2, 3), ScaledDot()], ids=lambda s: type(s).__name__)
def test_gradients_equal_finite_differences(score: Score) -> None:
    edges, attention = Edges.from_index(graph(edges=13), N), EdgeAttention(score.double())
    inputs = [torch.randn(N, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(lambda q, k, v: attention(q, k, v, edges).context, inputs)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_more_senders_than_receivers(implementation: str) -> None:
    edges = Edges.from_index(torch.tensor([[4, 0, 2], [1, 1, 0]]), num_receivers=2, num_senders=5)
    query, key = torch.randn(2, H, D).double(), torch.randn(5, H, D).double()
    output = EdgeAttention(GATScore(H, D).double(), implementation=implementation)(query, key, key, edges)
    assert output.context.shape == (2, H, D)
    torch.testing.assert_close(output.context[0], key[2])


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_dropout_acts_during_training_only(implementation: str) -> None:
    edges, x = Edges.from_index(graph(), N), torch.randn(N, H, D)
    attention = EdgeAttention(GATScore(H, D), dropout=0.5, implementation=implementation)
    assert not torch.equal(attention(x, x, x, edges).context, attention(x, x, x, edges).context)
    attention.eval()
    assert torch.equal(attention(x, x, x, edges).context, attention(x, x, x, edges).context)


def test_choices_without_a_meaning_over_edges_raise_when_it_is_built() -> None:
    with pytest.raises(ValueError, match="edges and segments have no order of keys; set attention.score=additive"):
        EdgeAttention(LocationSensitive(2, 3))
    with pytest.raises(ValueError, match=r"dropout must be a probability in \[0, 1\), got 1.0"):
        EdgeAttention(ScaledDot(), dropout=1.0)
    with pytest.raises(ValueError, match="implementation must be 'auto', 'reference' or 'compiled', got 'fast'"):
        EdgeAttention(ScaledDot(), implementation="fast")
    with pytest.raises(ValueError, match=r"computes GATScore over edges, not Additive; use 'auto'"):
        EdgeAttention(Additive(2, 3), implementation="compiled")

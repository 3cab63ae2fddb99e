"""Scores that are sums of node terms: values and gradients equal ``mix_edges`` of the formed scores."""

import pytest
import torch
import torch.nn.functional as F

from suite.attention.ragged.edge_softmax import mix_edges
from suite.attention.ragged.edge_softmax_of_sums import mix_sums
from suite.attention.ragged.edges import Edges
from tests.attention.ragged.conftest import H, N, S, V


@pytest.mark.parametrize("slope", [0.2, 0.0, -0.3])
@pytest.mark.parametrize("dropout_p", [0.0, 0.25])
def test_values_and_gradients_equal_those_of_formed_scores(
    heads: int, edges: Edges, slope: float, dropout_p: float
) -> None:
    terms = [torch.randn(number, H, dtype=torch.float64, requires_grad=True) for number in (N, S)]
    value = torch.randn(S, H, V, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    ours = mix_sums(*terms, slope, value, edges, dropout_p)
    torch.manual_seed(3)
    scores = F.leaky_relu(terms[0][edges.receivers.ids] + terms[1][edges.senders], slope)
    expected = mix_edges(scores, value, edges, dropout_p)
    probes = [torch.randn_like(x) for x in ours]
    for chosen in (slice(0, 1), slice(1, 2), slice(0, 2)):  # of context, of weights, of both
        grads = [
            torch.autograd.grad(
                sum((x * p).sum() for x, p in zip(pair[chosen], probes[chosen], strict=True)),
                [*terms, value],
                retain_graph=True,
            )
            for pair in (ours, expected)
        ]
        torch.testing.assert_close((*ours, *grads[0]), (*expected, *grads[1]))

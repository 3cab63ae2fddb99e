"""Every score against a slow loop that follows its paper's equation, in both layouts."""

import math

import pytest
import torch
from torch import Tensor

from suite.attention.choices.location_scores import LocationBased, LocationSensitive
from suite.attention.choices.patterns import GraphEdges
from suite.attention.choices.scores import (
    Additive,
    Concat,
    Cosine,
    Dot,
    GATScore,
    GATv2Score,
    General,
    ScaledDot,
    Score,
)
from suite.attention.edge_attention import EdgeAttention
from suite.attention.functional import attend
from suite.attention.ragged.edges import Edges

B, H, L, S, D = 2, 3, 5, 7, 4


def equation(score: Score, h: int, q: Tensor, k: Tensor, j: int) -> Tensor:
    """One score of one head, as the papers write it."""
    match score:
        case Dot():
            return q.dot(k)
        case ScaledDot():
            return q.dot(k) / math.sqrt(D)
        case General():
            return q @ score.weight[h] @ k
        case Cosine():
            return torch.log1p(score.log_sharpness[h].exp()).squeeze() * q.dot(k) / (q.norm() * k.norm())
        case Additive():
            return score.vector[h].dot(torch.tanh(q + k + score.bias[h]))
        case Concat():
            joined = torch.cat([score.query_weight[h], score.key_weight[h]]).t()  # W, (A, 2 D)
            return score.vector[h].dot(torch.tanh(joined @ torch.cat([q, k])))
        case GATScore():
            e = torch.cat([score.query_vector[h], score.key_vector[h]]).dot(torch.cat([q, k]))
            return e if e > 0 else 0.2 * e
        case GATv2Score():
            e = q + k
            return score.vector[h].dot(torch.where(e > 0, e, 0.2 * e))
        case LocationBased():
            return score.weight[h, j].dot(q)
    raise AssertionError(score)


def sized() -> list[Score]:
    torch.manual_seed(0)
    some = [General(H, D), Cosine(H), Additive(H, D), Concat(H, D, hidden_dim=6), GATScore(H, D), GATv2Score(H, D)]
    return [Dot(), ScaledDot(), *(score.double() for score in some)]


@pytest.mark.parametrize("score", [*sized(), LocationBased(H, D, 9).double()], ids=lambda score: type(score).__name__)
def test_score_follows_its_equation(score):
    torch.manual_seed(2)
    query, key = torch.randn(B, H, L, D).double(), torch.randn(B, H, S, D).double()
    for parameter in score.parameters():
        torch.nn.init.normal_(parameter)
    ours = score(query, key)
    assert ours.shape == (B, H, L, S)
    for b, h, i, j in [(b, h, i, j) for b in range(B) for h in range(H) for i in range(L) for j in range(S)]:
        torch.testing.assert_close(ours[b, h, i, j], equation(score, h, query[b, h, i], key[b, h, j], j))


@pytest.mark.parametrize("score", sized(), ids=lambda score: type(score).__name__)
def test_both_layouts_agree(score):
    torch.manual_seed(3)
    nodes, edge_index = 6, torch.tensor([[0, 1, 2, 3, 1, 5, 0], [1, 1, 0, 4, 0, 5, 4]])
    query, key, value = (torch.randn(nodes, H, D).double() for _ in range(3))
    ragged = EdgeAttention(score)(query, key, value, Edges.from_index(edge_index, nodes))
    dense = [x.transpose(0, 1)[None] for x in (query, key, value)]
    full = attend(*dense, score=score, mask=GraphEdges(edge_index, nodes).mask(nodes, nodes))
    torch.testing.assert_close(ragged.context, full.context[0].transpose(0, 1))
    torch.testing.assert_close(ragged.weights, full.weights[0, :, edge_index[1], edge_index[0]].t())


def test_location_sensitive_follows_chorowski_and_carries_its_state():
    torch.manual_seed(4)
    score = LocationSensitive(H, D, num_filters=2, kernel_size=3).double()
    query, key = torch.randn(B, H, 1, D).double(), torch.randn(B, H, S, D).double()
    first = score(query, key).softmax(-1)
    ours = score(query, key, previous=first)
    for b, h, j in [(b, h, j) for b in range(B) for h in range(H) for j in range(S)]:
        f = torch.zeros(2).double()
        for n in range(2):  # f = F * alpha, eq. 8
            for step in (-1, 0, 1):
                if 0 <= j + step < S:
                    f[n] += score.filters[h * 2 + n, 0, step + 1].detach() * first[b, h, 0, j + step].detach()
        hidden = torch.tanh(query[b, h, 0] + key[b, h, j] + f @ score.feature_proj[h] + score.bias[h])  # eq. 9
        torch.testing.assert_close(ours[b, h, 0, j], score.vector[h].dot(hidden))
    assert not list(score.buffers())  # no state on the module


def test_additive_with_the_layers_projections_is_bahdanau():
    """v tanh(W s + U h): one head of width E, compared with the paper's loop."""
    from suite.attention.attention import Attention
    from suite.attention.layers.multihead import MultiheadAttention

    torch.manual_seed(5)
    layer = MultiheadAttention(4, 1, Attention(Additive(1, 4)), memory_dim=6, bias=False).double()
    state, memory = torch.randn(1, 1, 4).double(), torch.randn(1, S, 6).double()
    v, W, U = layer.attention.score.vector[0], layer.query_proj.weight, layer.key_proj.weight
    e = torch.stack([v @ torch.tanh(W @ state[0, 0] + U @ memory[0, j]) for j in range(S)])
    weights = layer(state, memory, need_weights=True).weights
    torch.testing.assert_close(weights[0, 0, 0], e.exp() / e.exp().sum())


def test_what_a_score_can_not_do_is_refused():
    edges = Edges.from_index(torch.tensor([[0], [1]]), 2)
    with pytest.raises(ValueError, match="knows max_keys=9 positions, got 10 keys; build it with a larger max_keys"):
        LocationBased(H, D, 9)(torch.ones(B, H, 1, D), torch.ones(B, H, 10, D))
    for score in (LocationBased(H, D), LocationSensitive(H, D)):
        with pytest.raises(ValueError, match="needs keys that stand in order; edges do not"):
            score.edges(torch.ones(2, H, D), torch.ones(2, H, D), edges)
    with pytest.raises(
        ValueError, match=r"previous must be the weights of one step, .* = \(2, 3, 1, 7\), got \(2, 7\)"
    ):
        LocationSensitive(H, D)(torch.ones(B, H, 1, D), torch.ones(B, H, S, D), previous=torch.ones(B, S))
    with pytest.raises(ValueError, match="kernel_size must be odd.*got 4"):
        LocationSensitive(H, D, kernel_size=4)
    with pytest.raises(ValueError, match="sharpness must be positive, got 0"):
        Cosine(H, sharpness=0.0)

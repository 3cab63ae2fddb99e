"""Every score follows its paper's equation and keeps the contract of a score; so does a score from outside."""

import math

import pytest
import torch
from torch import Tensor, nn

from suite.attention import SCORES, Additive, Cosine, GATScore, GATv2Score, InnerProduct, MultiheadAttention, Score
from suite.attention.attention import Attention
from suite.testing import AttentionContract
from tests.attention.conftest import S

ORDERED = ["location_based", "location_sensitive"]  # tested in test_location_scores.py


class TestScores(AttentionContract):
    @pytest.fixture(params=[name for name in SCORES if name not in ORDERED])
    def score(self, request: pytest.FixtureRequest) -> Score:
        cls = SCORES[request.param]
        sizes = {"num_heads": self.num_heads, "head_dim": self.head_dim}
        if request.param in ("dot", "scaled_dot"):
            return cls()
        if request.param == "cosine":
            return cls(num_heads=self.num_heads)
        return cls(**sizes, **({"hidden_dim": 6} if request.param == "concat" else {}))

    def equation(self, score: Score, head: int, query: Tensor, key: Tensor, position: int) -> Tensor:
        match type(score).__name__:
            case "Dot":
                return query.dot(key)
            case "ScaledDot":
                return query.dot(key) / math.sqrt(self.head_dim)
            case "General":
                return query @ score.weight[head] @ key
            case "Cosine":
                beta = torch.log1p(score.log_sharpness[head].exp()).squeeze()
                return beta * query.dot(key) / (query.norm() * key.norm())
            case "Additive":
                return score.vector[head].dot(torch.tanh(query + key + score.bias[head]))
            case "Concat":
                joined = torch.cat([score.query_weight[head], score.key_weight[head]]).t()  # W, (A, 2 D)
                return score.vector[head].dot(torch.tanh(joined @ torch.cat([query, key])))
            case "GATScore":
                e = torch.cat([score.query_vector[head], score.key_vector[head]]).dot(torch.cat([query, key]))
                return torch.where(e > 0, e, 0.2 * e)
            case "GATv2Score":
                e = query + key
                return score.vector[head].dot(torch.where(e > 0, e, 0.2 * e))
        raise AssertionError(score)


class Distance(Score):
    """A score from outside: minus the scaled squared distance of query and key."""

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_heads))

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        return -self.scale * (query - key).square().sum(-1)


class TestOutsideScore(AttentionContract):
    @pytest.fixture
    def score(self) -> Score:
        return Distance(self.num_heads)

    def equation(self, score: Score, head: int, query: Tensor, key: Tensor, position: int) -> Tensor:
        return -score.scale[head] * sum((q - k) ** 2 for q, k in zip(query, key, strict=True))


class Doubled(InnerProduct):
    """An outside score that the fused paths serve."""

    def scale(self, width: int) -> float:
        return 2.0


class TestOutsideInnerProduct(AttentionContract):
    @pytest.fixture
    def score(self) -> Score:
        return Doubled()

    def equation(self, score: Score, head: int, query: Tensor, key: Tensor, position: int) -> Tensor:
        return 2 * query.dot(key)


def test_additive_with_the_projections_of_the_layer_is_bahdanau():
    torch.manual_seed(5)
    layer = MultiheadAttention(4, 1, Attention(Additive(1, 4)), memory_dim=6, bias=False).double()
    state, memory = torch.randn(1, 1, 4).double(), torch.randn(1, S, 6).double()
    v, W, U = layer.attention.score.vector[0], layer.query_proj.weight, layer.key_proj.weight
    e = torch.stack([v @ torch.tanh(W @ state[0, 0] + U @ memory[0, j]) for j in range(S)])
    weights = layer(state, memory, need_weights=True).weights
    torch.testing.assert_close(weights[0, 0, 0], e.exp() / e.exp().sum())


def test_gatv2_ranks_keys_per_query_and_gat_does_not():
    torch.manual_seed(0)
    query, key = torch.randn(1, 1, 40, 4), torch.randn(1, 1, 9, 4)
    orders = [score(query, key).argsort(-1).flatten(0, 2).unique(dim=0) for score in (GATScore(1, 4), GATv2Score(1, 4))]
    assert len(orders[0]) == 1
    assert len(orders[1]) > 1


def test_a_sharpness_that_is_not_positive_raises():
    with pytest.raises(ValueError, match="sharpness must be positive, got 0"):
        Cosine(2, sharpness=0.0)
    torch.testing.assert_close(
        nn.functional.softplus(Cosine(2, sharpness=2.0).log_sharpness), torch.full((2, 1, 1), 2.0)
    )

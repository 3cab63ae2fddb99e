"""Every score follows its paper's equation and keeps the contract of a score; so does a score from outside."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention import (
    SCORES,
    Additive,
    Cosine,
    GATScore,
    GATv2Score,
    InnerProduct,
    LocationBased,
    MultiheadAttention,
    Score,
    build_attention,
)
from suite.attention.attention import Attention
from suite.attention.fast import choose
from suite.testing import AttentionContract
from tests.attention.conftest import S
from tests.numerics import rounding_bound

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


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [0.0, 1e-6, 1.0, 3e4])
def test_cosine_in_half_precision_is_finite_and_near_the_equation(dtype, size):
    score, x = Cosine(1), (size * torch.ones(1, 1, 2, 4)).to(dtype)
    scores = score.to(dtype)(x, x)
    expected = 5.0 if size else 0.0
    # unit vectors and beta are rounded to dtype, and so are the four products and their sum
    bound = rounding_bound(dtype, 10, 5.0)
    torch.testing.assert_close(scores.float(), torch.full((1, 1, 2, 2), expected), rtol=0, atol=bound)


def test_a_large_sharpness_is_itself():
    torch.testing.assert_close(F.softplus(Cosine(1, sharpness=100.0).log_sharpness), torch.full((1, 1, 1), 100.0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("emulates", [True, False])
def test_scores_with_weights_run_in_half_precision_in_tiles(dtype, emulates, monkeypatch):
    monkeypatch.setattr(choose, "emulated", lambda kind: emulates and kind == dtype)
    torch.manual_seed(0)
    x = torch.randn(1, 1, 6, 4, dtype=dtype)
    for name in ("general", "concat", "additive", "gatv2", "gat", "cosine", "location_based"):
        config = {"score": name, "pattern": {"name": "axial_rows", "height": 2, "width": 3}}
        ours = build_attention(config, num_heads=1, head_dim=4).to(dtype)
        exact = build_attention(config, num_heads=1, head_dim=4).double()
        exact.load_state_dict(ours.state_dict())
        context, expected = ours(x, x, x).context, exact(*3 * [x.double()]).context
        assert context.dtype == dtype
        # two products of 4 and tanh before the softmax of 3 scores, whose errors it passes on, and the sum of values
        bound = 4 * rounding_bound(dtype, 12, float(x.abs().max()) * 4)
        torch.testing.assert_close(context.double(), expected, rtol=0, atol=bound)


def test_a_query_and_a_key_of_different_widths_raise_with_both_widths():
    query, key = torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 6)
    for name in ("scaled_dot", "general", "cosine", "additive", "concat", "gat", "gatv2"):
        attention = build_attention({"score": name}, num_heads=2, head_dim=4)
        with pytest.raises(ValueError, match="same width, got a query of width 4 and a key of width 6"):
            attention(query, key, key)
    assert Attention(LocationBased(2, 4))(query, key, key).context.shape == (1, 2, 3, 6)  # reads no key

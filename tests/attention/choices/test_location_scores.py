"""Location-based and location-sensitive scores: their equations, the state, and rejected input."""

import pytest
import torch
from torch import Tensor

from suite.attention.choices.location_scores import LocationBased, LocationSensitive
from suite.attention.choices.scores import Score
from suite.attention.ragged.edges import Edges
from suite.testing import AttentionContract
from tests.attention.conftest import B, D, H, S


class TestLocationBased(AttentionContract):
    @pytest.fixture
    def score(self) -> Score:
        return LocationBased(self.num_heads, self.head_dim, max_keys=9)

    def equation(self, score: Score, head: int, query: Tensor, key: Tensor, position: int) -> Tensor:
        return score.weight[head, position].dot(query)  # Luong et al. 2015, eq. 8


class TestLocationSensitiveAtTheFirstStep(AttentionContract):
    @pytest.fixture
    def score(self) -> Score:
        return LocationSensitive(self.num_heads, self.head_dim)

    def equation(self, score: Score, head: int, query: Tensor, key: Tensor, position: int) -> Tensor:
        return score.vector[head].dot(torch.tanh(query + key + score.bias[head]))

    def test_gradients_equal_finite_differences(self, score: Score) -> None:
        score.filters.requires_grad_(False)  # not used at the first step
        score.feature_proj.requires_grad_(False)
        super().test_gradients_equal_finite_differences(score)


def test_location_sensitive_follows_chorowski_given_the_previous_weights():
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
    assert not list(score.buffers())  # the state is an argument, not a buffer


def test_bad_input_raises():
    edges = Edges.from_index(torch.tensor([[0], [1]]), 2)
    with pytest.raises(ValueError, match="has max_keys=9 positions, got 10 keys; set a larger max_keys"):
        LocationBased(H, D, 9)(torch.ones(B, H, 1, D), torch.ones(B, H, 10, D))
    for score in (LocationBased(H, D), LocationSensitive(H, D)):
        with pytest.raises(ValueError, match="needs keys in order, which edges do not have; use attention.score="):
            score.edges(torch.ones(2, H, D), torch.ones(2, H, D), edges)
    with pytest.raises(ValueError, match=r"previous must be the weights of one step, .* \(2, 3, 1, 7\), got \(2, 7\)"):
        LocationSensitive(H, D)(torch.ones(B, H, 1, D), torch.ones(B, H, S, D), previous=torch.ones(B, S))
    with pytest.raises(ValueError, match="kernel_size must be odd.*got 4"):
        LocationSensitive(H, D, kernel_size=4)

"""Location-based and location-sensitive scores: their equations, the state, and rejected input."""

import pytest
import torch
from torch import Tensor

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Softmax, Sparsemax
from suite.attention.choices.block_patterns import AxialRows, BlockSparse, GlobalLocal
from suite.attention.choices.local_patterns import LocalMonotonic
from suite.attention.choices.location_scores import LocationBased, LocationSensitive
from suite.attention.choices.patterns import Pattern, Window
from suite.attention.choices.scores import Score
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.choose import choose
from suite.attention.fast.paths import tiles_path
from suite.attention.ragged.edges import Edges
from suite.testing import AttentionContract
from tests.attention.conftest import B, D, H, S, gradients, tensors


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


@pytest.mark.parametrize(
    ("length", "pattern"),
    [
        (6, AxialRows(2, 3)),
        (400, Window(1, 1)),
        (400, GlobalLocal(1, 1)),
        (400, LocalMonotonic(1)),
        (40, BlockSparse(torch.eye(4, dtype=torch.bool).roll(1, 0), 10)),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, Pattern) else None,
)
@pytest.mark.parametrize("alignment", [Softmax(), Sparsemax()])
def test_a_tile_takes_the_vectors_of_the_positions_of_its_keys(length, pattern, alignment):
    score, inputs = LocationBased(H, D).double(), tensors(L=length, S=length)
    call = AttentionCall(*inputs, score, alignment, pattern)
    assert choose(call) is tiles_path
    scores = torch.einsum("bhld,hsd->bhls", inputs[0], score.weight[:, :length])
    expected = alignment(scores, pattern.mask(length, length)) @ inputs[2]
    ours, learnt = tiles_path(call).context, (inputs[0], inputs[2], score.weight)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, learnt), gradients(expected, learnt))


class Recent(Score):
    """Additive in the number of keys after the last position: an order of keys that is no inner product."""

    needs_order = True

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        return (query.unsqueeze(3) * key.unsqueeze(2)).tanh().sum(-1) + 0.1 * torch.arange(key.shape[2])


def test_an_ordered_score_that_is_no_inner_product_is_never_computed_in_tiles():
    inputs = tensors(L=400, S=400)
    ours, expected = (
        Attention(Recent(), pattern=Window(1, 1), implementation=name)(*inputs).context
        for name in ("auto", "reference")
    )
    torch.testing.assert_close(ours, expected)


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

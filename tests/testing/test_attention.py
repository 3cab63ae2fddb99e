"""The contract of a score rejects wrong scores: each mutation fails the test that it should fail."""

import pytest
import torch
from torch import Tensor

from suite.attention.choices.scores import ScaledDot, Score
from suite.attention.ragged.edges import Edges
from suite.testing import AttentionContract


class ScaledDotContract(AttentionContract):
    def equation(self, score: Score, head: int, query: Tensor, key: Tensor, position: int) -> Tensor:
        return query.dot(key) / self.head_dim**0.5


class WrongScale(ScaledDot):
    def scale(self, width: int) -> float:
        return 1.0 / width


class WrongEdges(ScaledDot):
    def edges(self, query: Tensor, key: Tensor, edges: Edges) -> Tensor:
        return 1.01 * super().edges(query, key, edges)


class WrongPairs(ScaledDot):
    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        return super().pairs(query, key).flip(-1)


class WrongGradient(ScaledDot):
    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return query, key.detach()


class LeaksPadding(ScaledDot):
    def vectors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        return query, key + 1e-3 * key.mean(-2, keepdim=True) * torch.linspace(0, 1, key.shape[-2])[:, None]


@pytest.mark.parametrize(
    ("score", "test"),
    [
        (WrongScale, "test_scores_equal_the_equation"),
        (WrongScale, "test_attention_equals_the_plain_equation_on_every_path"),
        (WrongEdges, "test_edges_equal_the_dense_layout"),
        (WrongPairs, "test_segments_equal_padded_sets"),
        (WrongGradient, "test_gradients_equal_finite_differences"),
        (LeaksPadding, "test_padding_changes_nothing"),
    ],
    ids=lambda x: x if isinstance(x, str) else x.__name__,
)
def test_a_wrong_score_fails(score: type[Score], test: str) -> None:
    getattr(ScaledDotContract(), test)(ScaledDot())
    with pytest.raises((AssertionError, RuntimeError)):
        getattr(ScaledDotContract(), test)(score())


def test_a_score_that_needs_order_must_be_rejected_over_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ordered(ScaledDot):
        needs_order = True

    ScaledDotContract().test_edges_equal_the_dense_layout(Ordered())
    monkeypatch.setattr("suite.testing.attention.EdgeAttention", lambda score: None)
    with pytest.raises(AssertionError, match="EdgeAttention must reject Ordered"):
        ScaledDotContract().test_edges_equal_the_dense_layout(Ordered())

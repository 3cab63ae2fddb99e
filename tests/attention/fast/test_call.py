"""One call of attention as a value."""

import pytest
import torch

from suite.attention import Cosine, Full, General, LocationSensitive, ScaledDot, Softmax
from suite.attention.fast.call import AttentionCall

B, H, L, S, D = 2, 3, 5, 7, 4


@pytest.mark.parametrize("score", [ScaledDot(), Cosine(H), General(H, D)], ids=lambda score: type(score).__name__)
def test_vectors_and_scale_give_the_weights_of_score_and_alignment(score):
    torch.manual_seed(0)
    query, key = (torch.randn(B, H, length, D).double() for length in (L, S))
    call = AttentionCall(query, key, key, score.double(), Softmax(0.7), Full())
    left, right, scale = call.vectors()
    weights = torch.softmax(scale * left @ right.mT, -1)
    torch.testing.assert_close(call.align(call.scores(query, key), None), weights)


def test_a_stateful_score_gets_the_previous_weights():
    torch.manual_seed(0)
    query, key = torch.randn(B, H, 1, D), torch.randn(B, H, S, D)
    previous = torch.rand(B, H, 1, S)
    score = LocationSensitive(H, D)
    call = AttentionCall(query, key, key, score, Softmax(), Full(), previous=previous)
    assert torch.equal(call.scores(query, key), score(query, key, previous=previous))
    assert not torch.equal(call.scores(query, key), score(query, key, previous=torch.zeros_like(previous)))

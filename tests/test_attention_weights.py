"""Attention weights say what their axes belong to, and reject axes that do not fit."""

import numpy as np
import pytest

from suite.attention_weights import AttentionWeights, Axis


def test_top_is_the_mean_over_queries_largest_first():
    weights = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
    named = AttentionWeights("layer", weights, (Axis("items"), Axis("items", labels=("a", "b", "c"))))
    assert [label for label, _ in named.top(3)] == ["b", "c", "a"]
    assert [weight for _, weight in named.top(2)] == pytest.approx([0.35, 0.35])
    assert AttentionWeights("layer", weights[0], (Axis("frames"),)).top(1) == [("0", 0.5)]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ((), "need 1 axes"),
        ((Axis("tokens", labels=("a",)),), "the axis tokens has 6 positions, but 1 from labels"),
        ((Axis("patches", grid=(2, 2)),), "4 from grid"),
        ((Axis("tokens", segments=(2, 3)),), "5 from segments"),
        ((Axis("edges", coordinates=np.zeros((5, 2))),), "5 from coordinates"),
    ],
)
def test_axes_that_do_not_fit_are_rejected(axes, message):
    with pytest.raises(ValueError, match=message):
        AttentionWeights("layer", np.zeros(6), axes)


def test_axes_that_fit():
    axis = Axis("edges", tuple("abcdef"), np.zeros((6, 2)), (2, 3), (2, 4))
    assert AttentionWeights("layer", np.zeros(6), (axis,)).axes[0].kind == "edges"

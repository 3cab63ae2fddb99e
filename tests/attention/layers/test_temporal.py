"""Temporal attention: positions are independent, padding frames are ignored."""

import math

import pytest
import torch

from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.layers.temporal import TemporalAttention

B = 2


def test_positions_are_independent_and_padding_frames_are_ignored():
    layer = TemporalAttention(MultiheadAttention(4, 2)).double()
    x = torch.randn(B, 5, 3, 4).double()
    alone = layer(x[:, :, 1:2]).context
    torch.testing.assert_close(layer(x).context[:, :, 1:2], alone)
    mask = torch.arange(7) < 5
    padded = torch.cat([x, torch.randn(B, 2, 3, 4).double()], dim=1)
    torch.testing.assert_close(layer(padded, mask.expand(B, 7)).context[:, :5], layer(x).context)
    assert layer(x, need_weights=True).weights.shape == (B * 3, 2, 5, 5)
    with pytest.raises(ValueError, match=r"mask must be \(batch, frames\) = \(2, 5\), got \(2, 3\)"):
        layer(x, torch.ones(B, 3, dtype=torch.bool))


def test_weights_pair_the_frames_of_one_position():
    assert (
        math.prod(TemporalAttention(MultiheadAttention(4, 2))(torch.ones(1, 5, 3, 4), need_weights=True).weights.shape)
        == 3 * 2 * 25
    )

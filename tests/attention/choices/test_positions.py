"""Position encodings against their equations; a common shift of all positions changes nothing."""

import pytest
import torch
from torch import nn

from suite.attention.attention import Attention
from suite.attention.choices.patterns import Window
from suite.attention.choices.positions import Alibi, RelativeBias, RelativeKeys, Rotary
from suite.attention.choices.scores import ScaledDot
from suite.attention.layers.multihead import MultiheadAttention
from tests.attention.conftest import H
from tests.numerics import assert_within_rounding

E = 12


def encodings(head_dim: int, heads: int) -> list[list[nn.Module]]:
    """Every encoding, and two that are combined."""
    torch.manual_seed(1)
    learnt = RelativeBias(heads, num_buckets=8, max_distance=20)
    nn.init.normal_(learnt.table)
    return [
        [Rotary(head_dim)],
        [learnt],
        [RelativeKeys(head_dim, 3)],
        [Alibi(heads)],
        [Rotary(head_dim), Alibi(heads)],
    ]


def names(positions: list[nn.Module]) -> str:
    return "+".join(type(position).__name__ for position in positions)


@pytest.mark.parametrize("positions", encodings(4, H), ids=names)
def test_a_common_shift_of_all_positions_changes_nothing(positions):
    layer = MultiheadAttention(E, H, Attention(pattern=Window(2, 2)), positions=positions).double()
    x = torch.randn(1, 9, E).double()
    shifted = torch.cat([torch.randn(1, 4, E).double(), x], dim=1)
    torch.testing.assert_close(layer(shifted).context[:, 6:], layer(x).context[:, 2:])


def test_rotary_is_a_rotation_in_the_complex_plane():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 5, 6)
    ours = Rotary(6).rotate(x, start=3)
    angle = torch.arange(3, 8)[:, None] * 10000.0 ** (-torch.arange(3) * 2 / 6)
    rotated = torch.complex(x[..., :3], x[..., 3:]) * torch.polar(torch.ones_like(angle), angle)
    # frequency, angle (up to 7), cosine and sine, two products and a sum
    assert_within_rounding(ours, torch.cat([rotated.real, rotated.imag], -1), 8, 7 * 2 * float(x.abs().max()))


def test_shaw_positions_follow_their_equation():
    torch.manual_seed(0)
    relative = RelativeKeys(4, max_distance=2).double()
    query, key = torch.randn(1, 1, 5, 4).double(), torch.randn(1, 1, 5, 4).double()
    ours = ScaledDot()(query, key) + relative.bias(query, 5)
    for i in range(5):
        for j in range(5):
            a = relative.vectors[min(max(j - i, -2), 2) + 2]
            torch.testing.assert_close(ours[0, 0, i, j], query[0, 0, i] @ (key[0, 0, j] + a) / 2)  # eq. 5, sqrt(4)


def test_buckets_hold_single_distances_then_grow():
    buckets = RelativeBias(1, num_buckets=8, max_distance=16).buckets(torch.arange(-20, 21)).tolist()
    assert buckets[20:] == [0, 5, 6, 6, 6, 6, *[7] * 15]
    assert buckets[:20][::-1] == [1, 2, 2, 2, 2, *[3] * 15]


def test_bad_sizes_raise():
    with pytest.raises(ValueError, match="rotary positions need an even head_dim, got 3"):
        Rotary(3)
    with pytest.raises(ValueError, match="num_buckets must be a multiple of 4, got 6"):
        RelativeBias(2, num_buckets=6)

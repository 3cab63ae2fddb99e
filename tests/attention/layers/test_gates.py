"""Gates against the papers' equations."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from suite.attention.layers.gates import (
    CBAM,
    AttentionGate,
    ChannelGate,
    EfficientChannel,
    ResidualAttention,
    SpatialGate,
    SqueezeExcitation,
)

B, C, HEIGHT, WIDTH = 2, 6, 5, 7


def maps() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(B, C, HEIGHT, WIDTH, dtype=torch.float64, requires_grad=True)


def test_squeeze_excitation_follows_its_equations():
    x, gate = maps(), SqueezeExcitation(C, reduction=2).double()
    for b in range(B):
        z = torch.stack([x[b, c].mean() for c in range(C)])
        s = torch.sigmoid(gate.up.weight @ torch.relu(gate.down.weight @ z + gate.down.bias) + gate.up.bias)
        torch.testing.assert_close(gate(x).context[b], s[:, None, None] * x[b])


def test_efficient_channel_attention_depends_on_neighbours_only_and_chooses_its_size():
    sizes = {channels: EfficientChannel(channels).conv.kernel_size[0] for channels in (4, 64, 256, 512)}
    assert sizes == {4: 1, 64: 3, 256: 5, 512: 5}  # the paper: 3 for 64, 5 for 256 and 512
    x, gate = torch.randn(1, 64, 2, 2), EfficientChannel(64)
    changed = x.clone()
    changed[:, 10] += 1.0
    moved = (gate(x).weights != gate(changed).weights).flatten().nonzero().flatten()
    assert moved.tolist() == [9, 10, 11]


def test_cbam_is_channel_then_spatial_attention():
    x, gate = maps(), CBAM(C, reduction=3, kernel_size=3).double()
    mlp, conv = gate.channel.mlp, gate.spatial.conv
    channel = torch.sigmoid(mlp(F.adaptive_avg_pool2d(x, 1)[..., 0, 0]) + mlp(F.adaptive_max_pool2d(x, 1)[..., 0, 0]))
    x1 = x * channel[..., None, None]
    spatial = torch.sigmoid(conv(torch.stack([x1.mean(1), x1.max(1).values], dim=1)))
    out = gate(x)
    torch.testing.assert_close(out.context, x1 * spatial)
    torch.testing.assert_close(out.weights, spatial)


def test_attention_gate_follows_oktay_at_one_position():
    gate = AttentionGate(C, gating_channels=3, hidden_channels=4).double()
    x, g = torch.randn(B, C, 2, 2).double(), torch.randn(B, 3, 1, 1).double()
    out = gate(x, g)
    signal = torch.einsum("hcij,bcij->bh", gate.signal_proj.weight, x)
    hidden = torch.relu(signal + g[..., 0, 0] @ gate.gating_proj.weight[..., 0, 0].t() + gate.gating_proj.bias)
    a = torch.sigmoid(hidden @ gate.psi.weight[0, :, 0, 0] + gate.psi.bias)
    torch.testing.assert_close(out.weights, a[:, None, None, None].expand(B, 1, 2, 2))


def test_residual_attention_with_a_mask_of_zeros_is_the_trunk():
    trunk = nn.Conv2d(C, C, 1).double()
    module = ResidualAttention(C, trunk, nn.Conv2d(C, C, 3, padding=1)).double()
    nn.init.constant_(module.output[-1].bias, -100.0)  # a mask of zeros
    nn.init.zeros_(module.output[-1].weight)
    torch.testing.assert_close(module(maps()).context, trunk(maps()))


@pytest.mark.parametrize(
    "gate",
    [SqueezeExcitation(C, 2), EfficientChannel(C), ChannelGate(C, 2), SpatialGate(3), CBAM(C, 2)],
    ids=lambda gate: type(gate).__name__,
)
def test_gates_are_between_zero_and_one_and_have_the_gradients_of_finite_differences(gate):
    gate = gate.double()
    out = gate(maps())
    assert ((out.weights > 0) & (out.weights < 1)).all()
    torch.autograd.gradcheck(lambda x: gate(x).context, maps(), fast_mode=True)


def test_a_reduction_beyond_the_channels_raises():
    for gate in (SqueezeExcitation, ChannelGate):
        with pytest.raises(ValueError, match="reduction must be in 1..channels=6, got 16"):
            gate(C)

"""Gates, glimpses and temporal attention against the papers' equations; every example in a docstring."""

import doctest
import importlib
import math
import pkgutil

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import suite.attention
from suite.attention.layers.gates import (
    CBAM,
    AttentionGate,
    ChannelGate,
    EfficientChannel,
    ResidualAttention,
    SpatialGate,
    SqueezeExcitation,
)
from suite.attention.layers.glimpse import GlimpseSensor
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.layers.temporal import TemporalAttention

B, C, HEIGHT, WIDTH = 2, 6, 5, 7
MODULES = [module.name for module in pkgutil.iter_modules(suite.attention.__path__, "suite.attention.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def maps() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(B, C, HEIGHT, WIDTH, dtype=torch.float64, requires_grad=True)


def test_squeeze_excitation_follows_its_equations():
    x, gate = maps(), SqueezeExcitation(C, reduction=2).double()
    for b in range(B):
        z = torch.stack([x[b, c].mean() for c in range(C)])
        s = torch.sigmoid(gate.up.weight @ torch.relu(gate.down.weight @ z + gate.down.bias) + gate.up.bias)
        torch.testing.assert_close(gate(x).context[b], s[:, None, None] * x[b])


def test_efficient_channel_attention_sees_its_neighbours_only_and_sizes_itself():
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


def test_attention_gate_follows_oktay_on_one_place():
    gate = AttentionGate(C, gating_channels=3, hidden_channels=4).double()
    x, g = torch.randn(B, C, 2, 2).double(), torch.randn(B, 3, 1, 1).double()
    out = gate(x, g)
    signal = torch.einsum("hcij,bcij->bh", gate.signal_proj.weight, x)
    hidden = torch.relu(signal + g[..., 0, 0] @ gate.gating_proj.weight[..., 0, 0].t() + gate.gating_proj.bias)
    a = torch.sigmoid(hidden @ gate.psi.weight[0, :, 0, 0] + gate.psi.bias)
    torch.testing.assert_close(out.weights, a[:, None, None, None].expand(B, 1, 2, 2))


def test_residual_attention_starts_from_the_trunk():
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
def test_gates_have_true_gradients_and_stay_between_zero_and_one(gate):
    gate = gate.double()
    out = gate(maps())
    assert ((out.weights > 0) & (out.weights < 1)).all()
    torch.autograd.gradcheck(lambda x: gate(x).context, maps(), fast_mode=True)


def test_reduction_beyond_the_channels_is_refused():
    for gate in (SqueezeExcitation, ChannelGate):
        with pytest.raises(ValueError, match="reduction must be from 1 to channels=6, got 16"):
            gate(C)


def test_a_glimpse_is_the_patch_under_it_and_coarser_ones_around():
    image = torch.arange(81.0).view(1, 1, 9, 9)
    place = torch.tensor([[0.0, 0.25]])  # pixel (4, 5)
    glimpse = GlimpseSensor(size=3, scales=2)(image, place)
    torch.testing.assert_close(glimpse[0, 0, 0], image[0, 0, 3:6, 4:7], atol=1e-3, rtol=0)
    wide = GlimpseSensor(size=6, scales=1)(image, place)[0, 0]
    torch.testing.assert_close(glimpse[0, 1], F.avg_pool2d(wide, 2))
    corner = GlimpseSensor(size=3, scales=1)(image, torch.tensor([[-1.0, -1.0]]))[0, 0, 0]
    assert (corner[0] == 0).all()  # outside the image
    torch.testing.assert_close(corner[1:, 1:], image[0, 0, :2, :2], atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match=r"place \(B, 2\), got .* and \(3, 2\)"):
        GlimpseSensor()(image, torch.zeros(3, 2))


def test_a_glimpse_has_a_gradient_in_its_place():
    place = torch.tensor([[0.11, -0.23]], dtype=torch.float64, requires_grad=True)
    image = torch.randn(1, 2, 11, 13).double()
    torch.autograd.gradcheck(lambda p: GlimpseSensor(size=2, scales=2)(image, p), place, atol=1e-4)


def test_temporal_attention_keeps_places_apart_and_padding_out():
    layer = TemporalAttention(MultiheadAttention(4, 2))
    x = torch.randn(B, 5, 3, 4)
    alone = layer(x[:, :, 1:2]).context
    torch.testing.assert_close(layer(x).context[:, :, 1:2], alone)
    mask = torch.arange(7) < 5
    padded = torch.cat([x, torch.randn(B, 2, 3, 4)], dim=1)
    torch.testing.assert_close(layer(padded, mask.expand(B, 7)).context[:, :5], layer(x).context)
    assert layer(x, need_weights=True).weights.shape == (B * 3, 2, 5, 5)
    with pytest.raises(ValueError, match=r"mask must be \(batch, frames\) = \(2, 5\), got \(2, 3\)"):
        layer(x, torch.ones(B, 3, dtype=torch.bool))


def test_temporal_cost_follows_frames_within_a_place():
    assert (
        math.prod(TemporalAttention(MultiheadAttention(4, 2))(torch.ones(1, 5, 3, 4), need_weights=True).weights.shape)
        == 3 * 2 * 25
    )

"""Networks: shapes, weights that sum to 1, bags against a slow loop, patterns, gates, losses."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from suite.attention.capture import capture_weights
from suite.attention.ragged.segments import Segments
from tasks.oct.models.attention_cnn import AttentionCNN, MultipleInstance
from tasks.oct.models.blocks import GATES, Residual, make_gate
from tasks.oct.models.encoder import RegionEncoder
from tasks.oct.models.vit import VisionTransformer
from tasks.oct.module import finding_loss, lesion_maps, looking_loss, mix

NAMES = ("a", "b", "c")
SMALL = partial(RegionEncoder, widths=(4, 6, 10), embed_dim=7, head_dim=5, attention={"score": "additive"})


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("size", [(24, 40), (28, 28), (33, 17)])
def test_regions_are_pooled_by_weights_that_sum_to_one(gate: str, size: tuple[int, int]) -> None:
    net = AttentionCNN(1, NAMES, num_lesions=8, encoder=partial(SMALL, gate=gate, num_heads=2)).eval()
    output = net(torch.rand(2, 1, *size))
    grid = tuple(-(-side // 4) for side in size)
    assert output.logits.shape == (2, 3)
    assert output.weights.shape == (2, 2, *grid)
    assert output.lesions.shape == (2, 8, *grid)
    torch.testing.assert_close(output.weights.sum((2, 3)), torch.ones(2, 2))


def test_pooling_is_the_weighted_mean_of_regions() -> None:
    net = AttentionCNN(1, NAMES, encoder=partial(SMALL, num_heads=2)).eval()
    pixels = torch.rand(3, 1, 24, 40)
    output, regions = net(pixels), net.encoder.regions(pixels)
    expected = torch.einsum("bghw,behw->bge", output.weights, regions).flatten(1)
    torch.testing.assert_close(output.logits, net.output(expected))


def test_brightness_and_contrast_of_a_scan_do_not_matter() -> None:
    net = AttentionCNN(1, NAMES, encoder=SMALL).eval()
    pixels = torch.rand(2, 1, 24, 40)
    torch.testing.assert_close(net(pixels).logits, net(0.5 * pixels + 0.3).logits, atol=0.02, rtol=0.02)


def test_a_scan_is_classified_alike_in_any_batch() -> None:
    net = MultipleInstance(1, NAMES, encoder=SMALL).eval()
    pixels = torch.rand(5, 1, 24, 40)
    together = net(pixels, Segments.from_lengths(torch.tensor([2, 3]))).logits
    torch.testing.assert_close(together[:1], net(pixels[:2], Segments.from_lengths(torch.tensor([2]))).logits)


def test_gated_attention_over_a_bag_follows_a_slow_loop() -> None:
    net = MultipleInstance(1, NAMES, encoder=SMALL, hidden_dim=4).eval()
    pixels, lengths = torch.rand(6, 1, 24, 40), [1, 3, 2]
    output = net(pixels, Segments.from_lengths(torch.tensor(lengths)))
    h, gated, w = net.encoder(pixels).pooled, net.pooling.key_proj, net.pooling.query[0]
    start = 0
    for bag, length in enumerate(lengths):
        scores = []
        for k in range(start, start + length):
            content, gate = (layer.weight @ h[k] + layer.bias for layer in (gated.content, gated.gate))
            scores.append(w @ (content.tanh() * gate.sigmoid()))
        weights = torch.stack(scores).softmax(0)
        torch.testing.assert_close(output.bag_weights[start : start + length, 0], weights)
        pooled = sum(weight * h[start + k] for k, weight in enumerate(weights))
        torch.testing.assert_close(output.logits[bag], net.output(pooled))
        start += length


@pytest.mark.parametrize(
    ("patterns", "num_global"),
    [
        (("full",), 0),
        (("axial_rows", "axial_columns"), 0),
        (({"name": "global_local", "num_global": 2, "width": 3},), 2),
    ],
)
@pytest.mark.parametrize("size", [(16, 24), (15, 21)])
def test_patches_attend_as_their_pattern_says(patterns, num_global: int, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    net = VisionTransformer(
        1,
        NAMES,
        *size,
        patch=4,
        embed_dim=12,
        depth=2,
        num_heads=3,
        hidden_dim=8,
        patterns=patterns,
        num_global=num_global,
    ).eval()
    with capture_weights(net) as maps:
        output = net(torch.rand(2, 1, *size))
    assert output.logits.shape == (2, 3)
    assert output.weights.shape == (2, 1, 4, 6)
    torch.testing.assert_close(output.weights.sum((2, 3)), torch.ones(2, 1))
    layers = [maps[name][0] for name in maps if name.startswith("blocks")]
    assert len(layers) == 2
    assert all(weights.shape == (2, 3, 24 + num_global, 24 + num_global) for weights in layers)
    if patterns[0] == "axial_rows":
        allowed = torch.arange(24)[:, None] // 6 == torch.arange(24)[None] // 6
        assert float(layers[0][..., ~allowed].abs().max()) == 0.0


def test_every_gate_is_of_the_core() -> None:
    assert make_gate("none", 4) is None
    for name in GATES[1:]:
        gate = make_gate(name, 4)
        assert type(gate).__module__ == "suite.attention.layers.gates"
        assert Residual(3, 4, stride=2, gate=gate)(torch.rand(1, 3, 9, 7)).shape == (1, 4, 5, 4)
    with pytest.raises(ValueError, match="gate is one of none, se"):
        make_gate("sea", 4)


def test_a_block_is_the_papers_sum() -> None:
    block = Residual(4, 4).eval()
    x = torch.randn(2, 4, 6, 5)
    torch.testing.assert_close(block(x), (block.second(block.first(x).relu()) + x).relu())


@pytest.mark.parametrize("net", [AttentionCNN(1, NAMES, encoder=SMALL), VisionTransformer(1, NAMES, 24, 40, depth=1)])
def test_bags_of_several_scans_need_the_network_for_them(net: nn.Module) -> None:
    with pytest.raises(ValueError, match="model=oct/mil"):
        net(torch.rand(2, 1, 24, 40), Segments.from_lengths(torch.tensor([2])))


def test_a_stage_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="below 3; got 3"):
        RegionEncoder(1, widths=(4, 4, 4), finest=3)


def test_bits_become_maps() -> None:
    lesions = torch.tensor([[[0, 1], [128, 9]]], dtype=torch.uint8)
    maps = lesion_maps(lesions)
    assert maps is not None
    assert maps.nonzero().tolist() == [[0, 0, 0, 1], [0, 0, 1, 1], [0, 3, 1, 1], [0, 7, 1, 0]]
    assert lesion_maps(torch.zeros(2, 3, 3, dtype=torch.uint8)) is None


def test_looking_is_the_cross_entropy_with_where_lesions_lie() -> None:
    weights = torch.rand(3, 2, 4, 5, dtype=torch.float64)
    weights = weights / weights.sum((2, 3), keepdim=True)
    lesions = torch.zeros(3, 8, 8, 10, dtype=torch.float64)
    lesions[0, 3, 1, 2] = lesions[0, 5, 7, 9] = lesions[0, 5, 6, 9] = 1.0
    lesions[2, 0, 4:6, 4:6] = 1.0  # the second scan has none and does not count
    expected = []
    for head in range(2):
        first = -(weights[0, head, 0, 1].log() + 2 * weights[0, head, 3, 4].log()) / 3
        expected.append((first - weights[2, head, 2, 2].log()) / 2)
    torch.testing.assert_close(looking_loss(weights, lesions), torch.stack(expected).mean())
    assert float(looking_loss(weights, torch.zeros_like(lesions))) == 0.0


def test_finding_counts_regions_with_lesions_ten_times() -> None:
    scores, lesions = torch.randn(2, 8, 4, 5), torch.zeros(2, 8, 4, 5)
    lesions[1, 2, 3, 4] = 1.0
    plain = F.binary_cross_entropy_with_logits(scores, lesions, reduction="none")
    expected = (plain.sum() + 9 * plain[1, 2, 3, 4]) / (2 * 4 * 5)
    torch.testing.assert_close(finding_loss(scores, lesions), expected)


def test_mixing_is_a_sum_with_the_neighbour() -> None:
    x, own = torch.randn(3, 2, 4), torch.tensor([1.0, 0.75, 0.5])
    mixed = mix(x, own)
    torch.testing.assert_close(mixed[0], x[0])
    torch.testing.assert_close(mixed[2], 0.5 * x[2] + 0.5 * x[1])

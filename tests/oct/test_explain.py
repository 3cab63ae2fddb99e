"""Explanations against captum, slow loops and what a map must hold."""

from functools import partial

import numpy as np
import pytest
import torch

from suite.draw.curves import roc_points
from suite.draw.image import overlay
from tasks.oct import explain
from tasks.oct.models.attention_cnn import AttentionCNN
from tasks.oct.models.encoder import RegionEncoder
from tasks.oct.models.vit import VisionTransformer
from tests.oct.conftest import scan_data

NAMES = ("a", "b", "c")


@pytest.fixture
def net() -> AttentionCNN:
    torch.manual_seed(0)
    encoder = partial(RegionEncoder, widths=(4, 6, 8), embed_dim=6, head_dim=4)
    return AttentionCNN(1, NAMES, encoder=encoder).double().eval()


PIXELS = torch.rand(3, 1, 24, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_grad_cam_is_that_of_captum(net: AttentionCNN) -> None:
    attr = pytest.importorskip("captum.attr")
    chosen = net(PIXELS).logits.argmax(1)
    layer = explain.last_map(net)
    theirs = attr.LayerGradCam(lambda x: net(x).logits, layer).attribute(PIXELS, target=chosen, relu_attributions=True)
    torch.testing.assert_close(
        explain.grad_cam(net, layer, PIXELS), explain.enlarge(theirs.detach()[:, 0], PIXELS.shape[2:])
    )


def test_integrated_gradients_are_those_of_captum(net: AttentionCNN) -> None:
    attr = pytest.importorskip("captum.attr")
    chosen = net(PIXELS).logits.argmax(1)
    theirs = attr.IntegratedGradients(lambda x: net(x).logits).attribute(
        PIXELS, target=chosen, n_steps=12, method="riemann_middle"
    )
    torch.testing.assert_close(explain.integrated_gradients(net, PIXELS, steps=12), theirs.abs().sum(1))


def test_maps_sum_to_one_and_lie_where_the_weights_are(net: AttentionCNN) -> None:
    maps = explain.attention_map(net, PIXELS)
    assert maps.shape == (3, 24, 40)
    torch.testing.assert_close(maps.sum((1, 2)), torch.ones(3, dtype=torch.float64))
    spot = torch.zeros(1, 6, 10)
    spot[0, 4, 7] = 2.0
    row, column = divmod(int(explain.enlarge(spot, (24, 40)).argmax()), 40)
    assert (row // 4, column // 4) == (4, 7)


def test_rollout_of_blocks_that_attend_to_themselves_is_the_pooling() -> None:
    net = VisionTransformer(1, NAMES, 16, 24, embed_dim=8, depth=2, num_heads=2, hidden_dim=8, num_global=3).eval()
    pixels = torch.rand(2, 1, 16, 24)
    maps = explain.rollout_map(net, pixels)
    assert maps.shape == (2, 16, 24)
    for block in net.blocks:  # queries and keys of 0 would spread evenly; a steep identity stays where it is
        block.attention.query_proj.weight.data.zero_()
        block.attention.query_proj.bias.data.zero_()
    even = explain.rollout_map(net, pixels)
    assert float(even.std()) <= float(explain.attention_map(net, pixels).std()) + 1e-9


def test_fit_follows_a_slow_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    maps, masks = torch.rand(6, 5, 7, generator=generator), torch.rand(6, 5, 7, generator=generator) < 0.2
    masks[2] = False
    found = explain.fit(maps, masks)
    place = 0
    for heat, mask in zip(maps, masks, strict=True):
        if not mask.any():
            continue
        row, column = divmod(int(heat.argmax()), 7)
        assert float(found.pointing[place]) == float(mask[row, column])
        assert float(found.energy[place]) == pytest.approx(float(heat[mask].sum() / heat.sum()))
        threshold = heat.flatten().sort(descending=True).values[int(mask.sum()) - 1]
        highest = heat >= threshold
        assert float(found.overlap[place]) == pytest.approx(float((highest & mask).sum() / (highest | mask).sum()))
        place += 1
    assert place == len(found.pointing) == 5


def test_a_perfect_map_fits_perfectly() -> None:
    masks = torch.zeros(2, 6, 6, dtype=torch.bool)
    masks[0, 1:3, 2:4] = masks[1, 5, 5] = True
    assert [float(rows.min()) for rows in explain.fit(masks.float(), masks)] == [1.0, 1.0, 1.0]


def test_priors_know_what_they_say() -> None:
    data = scan_data("synthetic", num_scans=32, height=24, width=40)
    prior = explain.AveragePrior(data.split_dataloader("train"))
    chosen = data.splits.train
    expected = (data.scans.lesions[chosen] > 0).mean(0)
    np.testing.assert_allclose(prior(torch.rand(2, 1, 24, 40))[1], expected, atol=1e-6)
    assert int(explain.centre_prior(torch.rand(1, 1, 25, 41))[0].argmax()) == 12 * 41 + 20
    bright = torch.zeros(1, 1, 25, 41)
    bright[0, 0, 7, 30] = 1.0
    assert float(explain.brightness_prior(bright)[0, 7, 30]) > 0


def test_every_way_gives_a_map(net: AttentionCNN) -> None:
    data = scan_data("synthetic", num_scans=32, height=24, width=40)
    ways = explain.mappers(net, explain.AveragePrior(data.split_dataloader("train")))
    for name, mapper in ways.items():
        maps = mapper(PIXELS)
        assert maps.shape == (3, 24, 40), name
        assert float(maps.min()) >= 0.0, name
    patches = VisionTransformer(1, NAMES, 24, 40, embed_dim=8, depth=1, num_heads=2, hidden_dim=8).eval()
    assert "attention rollout" in explain.mappers(patches, explain.AveragePrior(data.split_dataloader("train")))


def test_overlays_keep_what_is_cold_and_draw_the_outline() -> None:
    image = np.full((6, 8), 100, np.uint8)
    heat, mask = np.zeros((6, 8)), np.zeros((6, 8), bool)
    heat[2, 3], mask[1:5, 1:6] = 5.0, True
    painted = overlay(image, heat, mask)
    assert painted[0, 0].tolist() == [100, 100, 100]
    assert painted[1, 1].tolist() == [0, 255, 128]
    assert painted[2, 3, 0] > painted[2, 3, 2]
    with pytest.raises(ValueError, match="does not fit"):
        overlay(image, heat[:3])


def test_roc_points_enclose_the_area(net: AttentionCNN) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    positive = torch.rand(60, generator=generator) < 0.4
    scores = (torch.rand(60, generator=generator) + 0.4 * positive).round(decimals=1)
    x, y = roc_points(scores, positive)
    assert float(torch.trapezoid(y, x)) == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-6)

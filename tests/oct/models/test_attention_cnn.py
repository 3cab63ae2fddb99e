"""The convolutional network with attention over regions."""

from functools import partial

import pytest
import torch

from tasks.oct.models.attention_cnn import AttentionCNN
from tasks.oct.models.blocks import GATES
from tasks.oct.models.encoder import RegionEncoder

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


def test_brightness_and_contrast_have_no_effect() -> None:
    net = AttentionCNN(1, NAMES, encoder=SMALL).eval()
    pixels = torch.rand(2, 1, 24, 40)
    torch.testing.assert_close(net(pixels).logits, net(0.5 * pixels + 0.3).logits, atol=0.02, rtol=0.02)

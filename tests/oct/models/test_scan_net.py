"""Bags are for networks that take them."""

from functools import partial

import pytest
import torch
from torch import nn

from suite.attention.ragged.segments import Segments
from tasks.oct.models.attention_cnn import AttentionCNN
from tasks.oct.models.encoder import RegionEncoder
from tasks.oct.models.vit import VisionTransformer

NAMES = ("a", "b", "c")
SMALL = partial(RegionEncoder, widths=(4, 6, 10), embed_dim=7, head_dim=5, attention={"score": "additive"})


@pytest.mark.parametrize("net", [AttentionCNN(1, NAMES, encoder=SMALL), VisionTransformer(1, NAMES, 24, 40, depth=1)])
def test_networks_of_single_scans_reject_bags(net: nn.Module) -> None:
    with pytest.raises(ValueError, match="model=oct/mil"):
        net(torch.rand(2, 1, 24, 40), Segments.from_lengths(torch.tensor([2])))

"""The vision transformer."""

import pytest
import torch

from suite.attention.capture import capture_weights
from tasks.oct.models.vit import VisionTransformer

NAMES = ("a", "b", "c")


@pytest.mark.parametrize(
    ("patterns", "num_global"),
    [
        (("full",), 0),
        (("axial_rows", "axial_columns"), 0),
        (({"name": "global_local", "num_global": 2, "width": 3},), 2),
    ],
)
@pytest.mark.parametrize("size", [(16, 24), (15, 21)])
def test_the_attention_of_patches_has_the_pattern(patterns, num_global: int, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
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

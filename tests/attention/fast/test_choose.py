"""The dispatcher follows its table."""

import pytest
import torch

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Monotonic, Softmax, Sparsemax
from suite.attention.choices.local_patterns import LocalPredictive
from suite.attention.choices.location_scores import LocationSensitive
from suite.attention.choices.patterns import Causal, Full, Window
from suite.attention.choices.scores import Additive, GATScore, General, ScaledDot
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.choose import choose
from tests.attention.conftest import D, H

BIAS, MASK = torch.zeros(40, 40), torch.ones(40, 40, dtype=torch.bool)
CASES = [  # path, length, whether compiled kernels are wanted, choices
    ("sdpa_path", 40, False, {}),
    ("sdpa_path", 40, False, {"pattern": Causal()}),
    ("sdpa_path", 40, False, {"score": General(H, D), "mask": MASK}),
    ("sdpa_path", 40, False, {"dropout_p": 0.1, "bias": BIAS}),
    ("sdpa_path", 40, True, {"bias": BIAS}),
    ("sdpa_path", 40, False, {"pattern": Window(3, 3)}),  # too short for tiles
    ("cpu_dropout_path", 40, False, {"dropout_p": 0.1}),
    ("kernels_path", 40, True, {"dropout_p": 0.1}),
    ("tiles_path", 600, False, {"pattern": Window(3, 3)}),
    ("tiles_path", 600, True, {"pattern": Window(3, 3), "alignment": Sparsemax()}),
    ("chunks_path", 600, False, {"score": Additive(H, D)}),
    ("reference_path", 40, False, {"score": Additive(H, D)}),
    ("reference_path", 600, False, {"score": GATScore(H, D)}),  # not wide
    ("reference_path", 40, False, {"alignment": Sparsemax()}),
    ("reference_path", 600, False, {"alignment": Monotonic()}),
    ("reference_path", 600, False, {"score": LocationSensitive(H, D)}),
    ("reference_path", 40, False, {"pattern": LocalPredictive(H, D)}),
]


@pytest.mark.parametrize(("path", "length", "compiled", "changes"), CASES)
def test_the_choice_follows_the_table(path, length, compiled, changes):
    x = torch.zeros(1, H, length, D)
    choices = {"score": ScaledDot(), "alignment": Softmax(), "pattern": Full(), **changes}
    assert choose(AttentionCall(x, x, x, **choices), compiled).__name__ == path


@pytest.mark.parametrize(
    ("device", "width", "dtype", "path"),
    [
        ("cuda", 16, torch.float32, "flex_path"),
        ("cuda", 8, torch.float32, "tiles_path"),  # narrower than the kernel can multiply
        ("cuda", 16, torch.float64, "tiles_path"),
        ("mps", 16, torch.float32, "tiles_path"),  # FlexAttention has no kernel for it
        ("meta", 16, torch.float32, "tiles_path"),
    ],
)
def test_flex_attention_is_chosen_only_where_it_has_a_kernel(device, width, dtype, path):
    where = torch.device(device)

    class Elsewhere(torch.Tensor):
        device = where

    x = torch.zeros(1, H, 600, width, dtype=dtype).as_subclass(Elsewhere)
    call = AttentionCall(x, x, x, ScaledDot(), Softmax(), Window(3, 3))
    assert choose(call).__name__ == path


def test_a_pattern_with_tiles_runs_on_a_device_without_flex_attention():
    x = torch.empty(1, H, 600, 16, device="meta")
    assert Attention(pattern=Window(3, 3))(x, x, x).context.shape == x.shape

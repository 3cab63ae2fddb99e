"""Half precision with and without hardware support."""

import pytest
import torch
import torch.nn.functional as F

from suite.attention.attention import Attention
from suite.attention.choices.patterns import Causal, Full, Window
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators import half_precision
from suite.attention.operators.half_precision import HalfPrecisionLinear
from tests.attention.conftest import IMPLEMENTATIONS
from tests.numerics import assert_within_rounding, relative_error

HALF = (torch.bfloat16, torch.float16)


@pytest.fixture(params=[True, False], ids=["in_software", "in_hardware"])
def emulated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(half_precision, "emulated", lambda dtype: request.param and dtype in HALF)
    return bool(request.param)


@pytest.mark.parametrize("dtype", HALF)
def test_a_layer_is_computed_in_float32_and_rounded_once(emulated, dtype):
    torch.manual_seed(0)
    layer = HalfPrecisionLinear(64, 33).to(dtype)
    x = torch.randn(2, 5, 64, dtype=dtype, requires_grad=True)
    weight, bias = layer.weight.detach(), layer.bias.detach()
    exact = F.linear(x.detach().double(), weight.double(), bias.double())
    out = layer(x)
    assert out.dtype == dtype
    # A sum in float32 and one rounding; a processor may also round the product before it adds the bias.
    assert_within_rounding(out, exact, terms=1 if emulated else 2)
    if emulated:
        assert torch.equal(out, F.linear(x.detach().float(), weight.float(), bias.float()).to(dtype))
    out.float().sum().backward()
    assert x.grad.dtype == layer.weight.grad.dtype == dtype
    expected = weight.double().sum(0).expand_as(x)
    assert_within_rounding(x.grad, expected, terms=2, magnitude=float(weight.double().abs().sum(0).max()))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("pattern", [Full(), Causal(), Window(2, 2)])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_attention_in_bfloat16_stays_near_float32(emulated, implementation, pattern, dropout):
    torch.manual_seed(0)
    layer = MultiheadAttention(24, 3, Attention(pattern=pattern, dropout=dropout, implementation=implementation))
    x = torch.randn(2, 40, 24).bfloat16()
    mask = (torch.arange(40) < torch.tensor([[40], [17]]))[:, None, None]
    results = []
    for dtype in (torch.bfloat16, torch.float32):  # float32 with the weights that bfloat16 has rounded
        torch.manual_seed(1)  # equal paths then drop the same weights
        out = layer.to(dtype)(x.to(dtype), mask=mask).context
        assert out.dtype == dtype
        results.append(out)
    assert results[0].isfinite().all()
    if not dropout or (emulated and implementation != "reference"):
        # At most 8 results are rounded on the way: query, key, value, scores, scaled scores, weights, context, output.
        # Each adds a relative error of u. Scores are of size 1, so that softmax passes their error on unchanged.
        unit = torch.finfo(torch.bfloat16).eps / 2
        assert relative_error(*results) < 8 * unit


def test_float32_and_autocast_are_left_unchanged(monkeypatch):
    monkeypatch.setattr(half_precision, "emulated", lambda dtype: dtype == torch.bfloat16)
    layer, x = HalfPrecisionLinear(4, 3), torch.randn(5, 4)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_attention_trains_under_autocast(emulated, implementation, dropout):
    torch.manual_seed(0)
    layer = MultiheadAttention(8, 2, Attention(dropout=dropout, implementation=implementation))
    x = torch.randn(2, 5, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x).context
    assert out.dtype == torch.bfloat16
    out.float().square().sum().backward()
    assert all(p.grad.isfinite().all() for p in (x, *layer.parameters()))

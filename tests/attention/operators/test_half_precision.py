"""Half precision where the processor has it, and where it has not."""

import pytest
import torch

from suite.attention.attention import Attention
from suite.attention.choices.patterns import Causal, Full, Window
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.operators import half_precision
from tests.attention.conftest import IMPLEMENTATIONS


@pytest.fixture(params=[True, False], ids=["in_software", "in_hardware"])
def emulated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(
        half_precision, "emulated", lambda dtype: request.param and dtype in (torch.bfloat16, torch.float16)
    )
    return bool(request.param)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_software_a_layer_is_made_in_float32_and_rounded_once(emulated, dtype):
    torch.manual_seed(0)
    layer = half_precision.HalfPrecisionLinear(64, 33).to(dtype)
    x = torch.randn(2, 5, 64, dtype=dtype, requires_grad=True)
    exact = layer.weight.detach().float()
    wanted = torch.nn.functional.linear(x.detach().float(), exact, layer.bias.detach().float()).to(dtype)
    out = layer(x)
    assert out.dtype == dtype
    torch.testing.assert_close(out, wanted)
    if emulated:
        assert torch.equal(out, wanted)
    out.float().sum().backward()
    assert x.grad.dtype == layer.weight.grad.dtype == dtype
    torch.testing.assert_close(x.grad, exact.sum(0).to(dtype).expand_as(x), atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("pattern", [Full(), Causal(), Window(2, 2)])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_attention_stays_near_float32(emulated, implementation, pattern, dropout):
    torch.manual_seed(0)
    layer = MultiheadAttention(24, 3, Attention(pattern=pattern, dropout=dropout, implementation=implementation))
    x = torch.randn(2, 40, 24)
    mask = (torch.arange(40) < torch.tensor([[40], [17]]))[:, None, None]
    results = []
    for dtype in (torch.bfloat16, torch.float32):
        torch.manual_seed(1)  # the same weights are dropped where the same path is taken
        out = layer.to(dtype)(x.to(dtype), mask=mask).context
        assert out.dtype == dtype
        results.append(out.float())
    if not dropout or (emulated and implementation != "reference"):
        torch.testing.assert_close(*results, atol=0.05, rtol=0.05)
    assert results[0].isfinite().all()


def test_float32_and_autocast_are_left_alone(monkeypatch):
    monkeypatch.setattr(half_precision, "emulated", lambda dtype: dtype == torch.bfloat16)
    layer, x = half_precision.HalfPrecisionLinear(4, 3), torch.randn(5, 4)
    assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
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

"""Softmax with dropout on a CPU equals the equation with the same dropout mask."""

import pytest
import torch
from torch import Tensor

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Softmax
from suite.attention.choices.patterns import Causal, Full
from suite.attention.choices.scores import ScaledDot
from suite.attention.fast import choose, dropout_on_cpu
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.paths import cpu_dropout_path
from suite.attention.functional import masked_softmax
from suite.attention.operators.dropout import keep_mask
from tests.attention.conftest import B, H, L, S, gradients, some_mask, tensors

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "mask", [None, some_mask(), some_mask(1, S), some_mask()[0, 0]], ids=["none", "rows", "keys", "2d"]
)
def test_it_equals_the_equation_with_the_same_mask(mask, monkeypatch):
    monkeypatch.setattr(dropout_on_cpu, "CHUNK_SCORES", 40)  # several chunks
    inputs = tensors()
    torch.manual_seed(3)
    ours = cpu_dropout_path(AttentionCall(*inputs, ScaledDot(), Softmax(), Full(), mask, dropout_p=0.25)).context
    torch.manual_seed(3)
    keep = keep_mask(torch.Size((B, H, L, S)), 0.25, CPU)
    expected = (masked_softmax(ScaledDot()(*inputs[:2]), mask) * keep / 0.75) @ inputs[2]
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, inputs), gradients(expected, inputs))


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (33, 33), (131, 131), (3, 70), (70, 37)])
def test_the_bands_of_a_causal_pattern_contain_every_allowed_pair(queries, keys, monkeypatch):
    monkeypatch.setattr(dropout_on_cpu, "CHUNK_SCORES", 500)
    inputs = tensors(L=queries, S=keys)
    torch.manual_seed(3)
    ours = cpu_dropout_path(AttentionCall(*inputs, ScaledDot(), Softmax(), Causal(), dropout_p=0.25)).context
    torch.manual_seed(3)
    keep = torch.zeros(B, H, queries, keys)
    for rows, reach in dropout_on_cpu.causal_bands(queries, keys):
        band = keep[:, :, rows, :reach]
        band.copy_(keep_mask(band.shape, 0.25, CPU))
    mask = Causal().mask(queries, keys)
    expected = (masked_softmax(ScaledDot()(*inputs[:2]), mask) * keep / 0.75) @ inputs[2]
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, inputs), gradients(expected, inputs))


@pytest.mark.parametrize("length", [1, 64, 257, 1000])
def test_bands_hold_each_query_once_and_at_most_five_eighths_of_long_squares(length):
    bands = dropout_on_cpu.causal_bands(length, length)
    queries = torch.zeros(length, dtype=torch.int)
    for rows, reach in bands:
        queries[rows] += 1
        assert reach >= min(rows.stop, length)
    assert (queries == 1).all()
    if length >= 256:
        pairs = sum(len(queries[rows]) * reach for rows, reach in bands)
        assert pairs <= 5 / 8 * length**2


@pytest.mark.parametrize("pattern", [Full(), Causal()], ids=["full", "causal"])
@pytest.mark.parametrize("mask", [None, some_mask(L, L)], ids=["none", "rows"])
def test_second_derivatives_equal_finite_differences(pattern, mask):
    inputs = [x.detach().requires_grad_() for x in tensors(S=L)]

    def context(*x: Tensor) -> Tensor:
        torch.manual_seed(3)
        return cpu_dropout_path(
            AttentionCall(*x, ScaledDot(), Softmax(), pattern, mask, dropout_p=0.25)
        ).context.square()

    assert torch.autograd.gradgradcheck(context, inputs, fast_mode=True)


@pytest.mark.parametrize("emulates", [True, False])
def test_autocast_serves_tensors_of_any_type(emulates, monkeypatch):
    monkeypatch.setattr(choose, "emulated", lambda kind: emulates)
    query, key, value = (x.detach() for x in tensors(torch.float32))
    torch.manual_seed(3)
    expected = Attention(dropout=0.25)(query, key, value).context
    for types in ((torch.float32,) * 3, (torch.bfloat16,) * 3, (torch.float32, torch.bfloat16, torch.float32)):
        torch.manual_seed(3)
        with torch.autocast("cpu", torch.bfloat16):
            inputs = (x.to(dtype) for x, dtype in zip((query, key, value), types, strict=True))
            context = Attention(dropout=0.25)(*inputs).context
        assert context.dtype == torch.bfloat16
        # rounding of query, key, scores and weights changes a weight by 2^-7 of itself for scores of up to 4
        torch.testing.assert_close(context.float(), expected, rtol=0, atol=float(value.abs().max()) * 2**-4)

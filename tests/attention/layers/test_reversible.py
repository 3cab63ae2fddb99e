"""Reversible blocks have the gradients of the plain equations, in every situation, and their memory is constant."""

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from suite.attention.attention import Attention
from suite.attention.layers.blocks import EncoderBlock, FeedForward
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.layers.reversible import Reversible, ReversibleSequence
from tests.attention.conftest import B, H, L
from tests.attention.layers.test_multihead import E

RANDOM = [nn.Dropout(0.5), nn.Dropout1d(0.5), nn.AlphaDropout(0.5), nn.FeatureAlphaDropout(0.5), nn.RReLU()]


def network(width: int = 8, *more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.Tanh(), *more).double()


def plain(blocks: ReversibleSequence, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    for block in blocks:
        first = first + block.f(second)
        second = second + block.g(first)
    return first, second


def inputs(*shape: int) -> list[Tensor]:
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(2)]


def gradients(output: tuple[Tensor, Tensor], learnt: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad((output[0].square() + 2 * output[1].sin()).sum(), learnt)


@pytest.mark.parametrize("depth", [1, 3])
def test_it_inverts_and_has_the_gradients_of_the_plain_equations(depth):
    torch.manual_seed(0)
    attend = [EncoderBlock(MultiheadAttention(E, H), FeedForward(E, 5)) for _ in range(depth)]
    blocks = ReversibleSequence(Reversible(f, nn.Linear(E, E)) for f in attend).double()
    x = inputs(B, L, E)
    learnt = [*x, *blocks.parameters()]
    torch.testing.assert_close(blocks(*x), plain(blocks, *x))
    torch.testing.assert_close(gradients(blocks(*x), learnt), gradients(plain(blocks, *x), learnt))
    torch.testing.assert_close(blocks[0].inverse(*blocks[0](*x)), tuple(x))


@pytest.mark.parametrize("layer", [*RANDOM, "attention"], ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_random_layers_draw_the_same_numbers_in_the_backward_pass(layer):
    torch.manual_seed(0)
    if layer == "attention":
        f = EncoderBlock(MultiheadAttention(8, 2, Attention(dropout=0.5)), FeedForward(8, 8, 0.5), 0.5).double()
    else:
        f = network(8, layer)
    blocks = ReversibleSequence(Reversible(f, network(8, nn.Dropout(0.3))) for _ in range(2))  # f is shared
    x = inputs(4, 3, 8)
    learnt, results = [*x, *blocks.parameters()], []
    for output in (blocks, lambda *x: plain(blocks, *x)):
        torch.manual_seed(5)
        results.append(gradients(output(*x), learnt))
    torch.testing.assert_close(*results)


def test_the_running_statistics_of_a_batch_norm_are_updated_once():
    norm, twin = nn.BatchNorm1d(8).double(), nn.BatchNorm1d(8).double()
    x = inputs(6, 8)
    Reversible(norm, network())(*x)[0].sum().backward()
    twin(x[1])
    assert norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_var, twin.running_var)


def test_second_derivatives_equal_finite_differences():
    torch.manual_seed(0)
    blocks = ReversibleSequence(Reversible(network(3, nn.Dropout(0.3)), network(3)) for _ in range(2))

    def output(*x: Tensor) -> tuple[Tensor, Tensor]:
        torch.manual_seed(5)
        return blocks(*x[:2])

    assert torch.autograd.gradgradcheck(output, [*inputs(2, 3), *blocks.parameters()], fast_mode=True)


def test_memory_does_not_grow_with_the_number_of_blocks():
    def saved(depth: int) -> int:
        numbers: list[int] = []
        blocks = ReversibleSequence(Reversible(network(), network()) for _ in range(depth))
        with saved_tensors_hooks(lambda x: numbers.append(x.numel()) or x, lambda x: x):
            blocks(*inputs(64, 8))
        return sum(numbers)

    assert saved(1) == saved(2) == saved(32) == 2 * 64 * 8


@pytest.mark.parametrize("situation", ["checkpoint", "reentrant checkpoint", "saved-tensor hooks", "autocast"])
def test_gradients_survive(situation):
    torch.manual_seed(0)
    blocks = ReversibleSequence(Reversible(network(), network()) for _ in range(2))
    x = inputs(5, 8)
    learnt = [*x, *blocks.parameters()]
    if situation == "autocast":
        blocks, x = blocks.float(), [t.detach().float().requires_grad_() for t in x]
        learnt, results = [*x, *blocks.parameters()], []
        for output in (blocks, lambda *x: plain(blocks, *x)):
            with torch.autocast("cpu", torch.bfloat16):
                y = output(*x)
            results.append(gradients(y, learnt))
        for ours, expected in zip(*results, strict=True):  # inputs are recovered within float32, then rounded alike
            torch.testing.assert_close(ours, expected, rtol=0, atol=expected.abs().max().item() * 2**-7)
        return
    expected = gradients(blocks(*x), learnt)
    if situation == "saved-tensor hooks":
        with save_on_cpu():
            y = blocks(*x)
    else:
        y = checkpoint(blocks, *x, use_reentrant="reentrant" in situation)
    (y[0].square() + 2 * y[1].sin()).sum().backward()
    torch.testing.assert_close(tuple(t.grad for t in learnt), expected)

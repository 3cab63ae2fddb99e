"""Attention in tiles: the backward pass draws the dropout of the forward pass; the tile of a mask."""

from functools import partial

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import save_on_cpu
from torch.utils.checkpoint import checkpoint

from suite.attention.choices.alignments import Softmax
from suite.attention.choices.patterns import Tile, Window
from suite.attention.choices.scores import Additive, Concat, GATv2Score
from suite.attention.fast import paths
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.paths import chunks_path, reference_path, tiles_path
from suite.attention.fast.tiled import query_chunks, tile_of
from tests.attention.conftest import D, H, tensors


def test_the_backward_pass_draws_the_same_dropout():
    inputs, score = tensors(L=300, S=300), Additive(H, D).double()

    def context(*x: Tensor) -> Tensor:
        torch.manual_seed(5)
        return tiles_path(AttentionCall(*x, score, Softmax(), Window(2, 2), dropout_p=0.5)).context

    direction = [torch.randn_like(x) for x in inputs]
    # A central difference has an error of step^2 from truncation and eps * |sum of the context| / step from rounding:
    # 1e-12 and 2e-16 * 1e4 / 1e-6 = 2e-6.
    step = 1e-6
    later, earlier = (
        context(*[x + s * d for x, d in zip(inputs, direction, strict=True)]).sum() for s in (step, -step)
    )
    slope = sum(
        (g * d).sum() for g, d in zip(torch.autograd.grad(context(*inputs).sum(), inputs), direction, strict=True)
    )
    torch.testing.assert_close((later - earlier) / (2 * step), slope, rtol=0, atol=2e-6)
    assert slope.abs() > 1


def test_the_random_state_after_the_backward_pass_is_that_before_it():
    inputs, score = tensors(L=300, S=300), Additive(H, D).double()
    context = tiles_path(AttentionCall(*inputs, score, Softmax(), Window(2, 2), dropout_p=0.5)).context
    before = torch.get_rng_state()
    context.sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


def keep_inside(function, *inputs):
    with save_on_cpu():
        return function(*inputs)


SITUATIONS = {
    "checkpoint": partial(checkpoint, use_reentrant=False),
    "reentrant checkpoint": partial(checkpoint, use_reentrant=True),
    "saved-tensor hooks": keep_inside,
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("dropout_p", [0.0, 0.5])
def test_gradients_survive_checkpoints_and_hooks(situation, dropout_p):
    inputs, score = tensors(L=300, S=300), Additive(H, D).double()
    learnt = (*inputs, *score.parameters())

    def context(*x: Tensor) -> Tensor:
        return tiles_path(AttentionCall(*x, score, Softmax(), Window(2, 2), dropout_p=dropout_p)).context

    torch.manual_seed(5)
    expected = torch.autograd.grad(context(*inputs).square().sum(), learnt)
    torch.manual_seed(5)
    SITUATIONS[situation](context, *inputs).square().sum().backward()
    torch.testing.assert_close(tuple(x.grad for x in learnt), expected)


@pytest.mark.parametrize("score", [Additive(H, D), Concat(H, D), GATv2Score(H, D)], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("path", [tiles_path, chunks_path])
def test_the_backward_pass_runs_under_the_autocast_of_the_forward_pass(score, path, monkeypatch):
    monkeypatch.setattr(paths, "CHUNK", 5000)
    inputs = [x.detach().bfloat16().requires_grad_() for x in tensors(L=300, S=300)]
    results = []
    for one in (path, reference_path):
        with torch.autocast("cpu", torch.bfloat16):
            context = one(AttentionCall(*inputs, score, Softmax(), Window(2, 2))).context
        results.append([context.float(), *torch.autograd.grad(context.float().square().sum(), inputs)])
    for ours, expected in zip(*results, strict=True):
        # both round the weights and the results of two products; a sum of gradients over tiles rounds once a tile
        torch.testing.assert_close(ours, expected, rtol=0, atol=expected.abs().max().item() * 2**-5)


def test_second_derivatives_equal_those_of_the_reference():
    inputs, score = tensors(L=300, S=300), Additive(H, D).double()
    learnt = (*inputs, *score.parameters())
    results = []
    for path in (tiles_path, reference_path):
        query = inputs[0] * score.vector.sum()  # a parameter with two ways to the result
        context = path(AttentionCall(query, *inputs[1:], score, Softmax(), Window(2, 2))).context
        first = torch.autograd.grad(context.square().sum(), learnt, create_graph=True)
        results.append(torch.autograd.grad(sum(g.square().sum() for g in first), learnt))
    torch.testing.assert_close(*results)


def test_a_second_derivative_draws_the_same_dropout():
    inputs, score = tensors(L=300, S=300), Additive(H, D).double()

    def slope(*x: Tensor) -> Tensor:
        torch.manual_seed(5)
        context = tiles_path(AttentionCall(*x, score, Softmax(), Window(2, 2), dropout_p=0.5)).context
        return context.square().sum()

    torch.manual_seed(1)
    assert torch.autograd.gradgradcheck(slope, [x[:1].detach().requires_grad_() for x in inputs], fast_mode=True)


def test_chunks_hold_every_query_once():
    chunks = query_chunks(10, 4)
    assert [chunk.queries for chunk in chunks] == [slice(0, 4), slice(4, 8), slice(8, 10)]


def test_a_tile_of_a_mask_keeps_dimensions_that_broadcast():
    tile = Tile(slice(1, 3), torch.tensor([0, 4]))
    full = torch.arange(15).view(3, 5)
    assert tile_of(full, tile).tolist() == [[5, 9], [10, 14]]
    assert tile_of(full[:1], tile).tolist() == [[0, 4]]
    assert tile_of(full[:, :1], tile).tolist() == [[5], [10]]
    assert tile_of(full[0], tile).tolist() == [0, 4]

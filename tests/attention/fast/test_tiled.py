"""Attention in tiles: the backward pass draws the dropout of the forward pass; the tile of a mask."""

import torch
from torch import Tensor

from suite.attention.choices.alignments import Softmax
from suite.attention.choices.patterns import Tile, Window
from suite.attention.choices.scores import Additive
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.paths import tiles_path
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

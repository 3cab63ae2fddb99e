"""Recomputation: the state of a forward pass, modules with other parameters, and gradients with a graph."""

import torch
from torch import nn

from suite.attention.operators.recompute import ForwardState, differentiable_gradients, rebound, without_autocast

CPU = torch.device("cpu")


def test_the_state_restores_random_numbers_and_autocast_and_leaves_no_trace():
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        state = ForwardState(CPU)
    first = torch.rand(3)
    before = torch.get_rng_state()
    with state.restored():
        assert torch.equal(torch.rand(3), first)
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_state_without_random_numbers_copies_none():
    before = torch.get_rng_state()
    with ForwardState(CPU, random=False).restored():
        torch.rand(3)
    assert not torch.equal(torch.get_rng_state(), before)


def test_without_autocast_products_keep_the_type_of_their_operands():
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with without_autocast(CPU):
            assert (x @ x).dtype == torch.float32


def test_a_rebound_module_computes_with_other_tensors_at_every_depth():
    layer = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.LayerNorm(3)))
    wide = {p: p.double() for p in layer.parameters()}
    x = torch.randn(2, 3).double()
    expected = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.LayerNorm(3))).double()
    expected.load_state_dict(layer.state_dict())
    assert torch.equal(rebound(layer, wide)(x), expected(x))
    assert all(p.dtype == torch.float32 for p in layer.parameters())


def test_a_gradient_by_one_input_excludes_the_ways_through_the_others():
    x = torch.tensor(2.0, requires_grad=True)
    y = x**2
    d_x, d_y, none = differentiable_gradients(lambda x, y, z: x * y * z, [x, y, torch.tensor(5.0)], [torch.tensor(1.0)])
    assert (d_x.item(), d_y.item(), none) == (20.0, 10.0, None)
    (second,) = torch.autograd.grad(d_x, x)  # d/dx of 5 y, where y = x^2
    assert second.item() == 20.0

"""The compiled kernels of nodes: dropout without a mask, and the terms of GAT's scores."""

import pytest
import torch

from suite.attention.compiled.nodes import dropout_compiled, spread_nodes
from tests.attention.conftest import needs_compiler
from tests.numerics import sampling_bound

pytestmark = needs_compiler


def test_terms_and_their_gradients_follow_the_equation():
    torch.manual_seed(0)
    x = torch.randn(70, 3, 5, dtype=torch.float64, requires_grad=True)
    vectors = [torch.randn(3, 5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    ours = spread_nodes(x, *vectors, 0.0)
    expected = ((x * vectors[0]).sum(-1), (x * vectors[1]).sum(-1), x)
    torch.testing.assert_close(ours, expected)
    results = [torch.autograd.grad(sum((y**2).sum() for y in out), [x, *vectors]) for out in (ours, expected)]
    torch.testing.assert_close(*results)


def test_dropout_needs_no_mask():
    torch.manual_seed(0)
    x = torch.randn(1003, dtype=torch.float64, requires_grad=True)
    y = dropout_compiled(x, 0.25)
    keep = y != 0
    assert abs(keep.double().mean() - 0.75) < sampling_bound(1003, 0.1875**0.5)
    torch.testing.assert_close(y, x * keep / 0.75)
    torch.testing.assert_close(torch.autograd.grad(y.sum(), x)[0], keep.double() / 0.75)
    assert dropout_compiled(x, 0.25, training=False) is x
    assert dropout_compiled(torch.ones(5, dtype=torch.bfloat16), 0.25).dtype == torch.bfloat16


def test_a_rate_outside_zero_and_one_raises():
    with pytest.raises(ValueError, match=r"dropout must be a probability in \[0, 1\), got 1.0"):
        dropout_compiled(torch.ones(3), 1.0)

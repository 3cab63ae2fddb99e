"""Splitting a joint projection: values, gradients with and without adjacent memory, and no copy where adjacent."""

import torch

from suite.attention.fast.dropout_on_cpu import attend_with_dropout
from suite.attention.operators.joint_projection import side_by_side, split_joint

B, L, SIZES = 2, 5, (6, 4, 4)


def test_values_and_gradients_equal_those_of_split():
    x = torch.randn(B, L, sum(SIZES), dtype=torch.float64, requires_grad=True)
    parts = split_joint(x, SIZES)
    assert all(torch.equal(a, b) for a, b in zip(parts, x.split(list(SIZES), -1), strict=True))
    probes = [torch.randn_like(part) for part in parts]
    (ours,) = torch.autograd.grad(parts, x, probes)
    assert torch.equal(ours, torch.cat(probes, -1))


def test_adjacent_gradients_are_joined_without_a_copy():
    x = torch.randn(B, L, 12, requires_grad=True)
    heads = [part.unflatten(2, (2, -1)).transpose(1, 2) for part in split_joint(x, (4, 4, 4))]
    grads = side_by_side(heads)
    for number, grad in enumerate(grads):
        grad.fill_(number)
    flat = [grad.transpose(1, 2).flatten(2) for grad in grads]
    (joined,) = torch.autograd.grad(split_joint(x, (4, 4, 4)), x, flat)
    assert joined.data_ptr() == grads[0].data_ptr()
    assert torch.equal(joined[0, 0], torch.tensor([0.0] * 4 + [1.0] * 4 + [2.0] * 4))


def test_tensors_of_different_lengths_have_their_own_memory():
    tensors = [torch.randn(B, length, 2, 3).transpose(1, 2) for length in (5, 7, 7)]  # split heads
    grads = side_by_side(tensors)
    assert [grad.shape for grad in grads] == [x.shape for x in tensors]
    assert all(grad.transpose(1, 2).is_contiguous() for grad in grads)


def test_second_derivatives_reach_every_part():
    x = torch.randn(2, 3, 12, dtype=torch.float64, requires_grad=True)

    def joined(x: torch.Tensor) -> torch.Tensor:
        query, key, value = (part.unflatten(2, (2, -1)).transpose(1, 2) for part in split_joint(x, (4, 4, 4)))
        torch.manual_seed(3)
        return attend_with_dropout(query, key, value, None, 0.3)

    assert torch.autograd.gradgradcheck(joined, x, fast_mode=True)

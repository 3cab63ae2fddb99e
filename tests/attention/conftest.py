"""What the tests of attention share: sizes, tensors, gradients, and whether the C++ kernels can be built."""

import os
import shutil
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

B, H, L, S, D, V = 2, 3, 5, 7, 4, 11  # distinct, so that a transposed axis is noticed

COMPILER = next(filter(shutil.which, [os.environ.get("CXX", "g++"), "c++"]), None)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler to build the optional kernels with")
IMPLEMENTATIONS = ["auto", "reference", pytest.param("compiled", marks=needs_compiler)]


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """One thread: the tensors are tiny, and a second thread only costs time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensors(dtype: torch.dtype = torch.float64, L: int = L, S: int = S, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Query (B, H, L, D), key (B, H, S, D) and value (B, H, S, V)."""
    torch.manual_seed(seed)
    shapes = ((B, H, L, D), (B, H, S, D), (B, H, S, V))
    query, key, value = (torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes)
    return query, key, value


def some_mask(L: int = L, S: int = S) -> Tensor:
    """A random mask (B, 1, L, S) with one row that may attend to nothing."""
    mask = torch.rand(B, 1, L, S) > 0.4
    mask[0, 0, 0] = False
    return mask


def gradients(context: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Gradients of a sum of ``context`` with distinct factors."""
    factors = torch.linspace(-1, 1, context.numel(), dtype=context.dtype).view_as(context)
    return torch.autograd.grad((context * factors).sum(), inputs)

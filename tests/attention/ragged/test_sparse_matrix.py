"""Sparse products against dense ones, with gradients, for one head and for several; no warning of torch."""

import subprocess
import sys

import pytest
import torch

from suite.attention.ragged.sparse_matrix import Sparsity, spmm

OFFSETS, COLUMNS = torch.tensor([0, 2, 2, 5]), torch.tensor([4, 1, 0, 3, 3])  # row 1 is empty, row 2 names 3 twice


def dense_of(pattern: Sparsity, values: torch.Tensor) -> torch.Tensor:
    zeros = torch.zeros(3, 7, dtype=values.dtype)
    return zeros.index_put((pattern.rows, pattern.columns.long()), values, accumulate=True)


def test_the_product_equals_the_dense_one_with_gradients() -> None:
    torch.manual_seed(0)
    pattern = Sparsity(OFFSETS, COLUMNS, 7)
    values = torch.randn(5, dtype=torch.float64, requires_grad=True)
    right = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(spmm(pattern, values, right), dense_of(pattern, values) @ right)
    assert torch.autograd.gradcheck(lambda v, d: spmm(pattern, v, d), (values, right))


@pytest.mark.parametrize("heads", [1, 3])
def test_products_of_all_heads_equal_those_of_each(heads: int) -> None:
    torch.manual_seed(0)
    pattern = Sparsity(OFFSETS, COLUMNS, 7)
    values, left, right = (torch.randn(n, heads, *d, dtype=torch.float64) for n, d in ((5, ()), (3, (2,)), (7, (2,))))
    joint = pattern.heads(heads)
    for head in range(heads):
        matrix = dense_of(pattern, values[:, head])
        torch.testing.assert_close(joint.product(values, right)[:, head], matrix @ right[:, head])
        torch.testing.assert_close(joint.back_product(values, left)[:, head], matrix.t() @ left[:, head])
        pairs = (left[pattern.rows, head] * right[pattern.columns.long(), head]).sum(-1)
        torch.testing.assert_close(joint.pair_products(values, left, right)[:, head], pairs)


def test_patterns_of_heads_are_built_once() -> None:
    pattern = Sparsity(OFFSETS, COLUMNS, 7)
    assert pattern.heads(2) is pattern.heads(2)
    assert pattern.transposed is pattern.transposed


def test_a_matrix_without_entries_gives_zeros_and_gradients() -> None:
    pattern = Sparsity(torch.zeros(4, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 7)
    right = torch.randn(7, 2, requires_grad=True)
    out = spmm(pattern, torch.zeros(0), right)
    out.sum().backward()
    assert torch.equal(out, torch.zeros(3, 2))
    assert torch.equal(right.grad, torch.zeros(7, 2))


def test_neither_the_import_nor_the_first_product_warns() -> None:
    code = (
        "import torch; from suite.attention import Sparsity, spmm;"
        "spmm(Sparsity(torch.tensor([0, 1]), torch.tensor([0]), 1), torch.ones(1), torch.ones(1, 1))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

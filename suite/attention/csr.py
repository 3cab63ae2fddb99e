"""Products of a sparse matrix in compressed rows (CSR) with a dense one, with gradients for both."""

# R rows, C columns, M stored entries, H heads, D width

import warnings
from functools import cached_property

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

with warnings.catch_warnings():  # torch says once a process that CSR is in beta and unchecked; our patterns are checked
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1), (1, 1), check_invariants=False)


class Sparsity:
    """Where the entries of a sparse (R, C) matrix stand, in compressed rows; the values are passed to ``spmm``.

    ``offsets`` (R + 1,) bounds the entries of each row, ``columns`` (M,) names their columns. What the products need
    beside that, the transpose and the copies for several heads, is built at first use and kept: a graph does not change
    between steps.
    """

    def __init__(self, offsets: Tensor, columns: Tensor, num_columns: int) -> None:
        self.num_rows = len(offsets) - 1
        self.num_columns = num_columns
        fits = max(len(columns), self.num_rows, num_columns) < 2**31 - 1
        index = torch.int32 if fits else torch.int64  # the CPU kernels convert 64-bit indices on every call
        self.offsets = offsets.to(index)
        self.columns = columns.to(index)
        self._heads: dict[int, tuple[Sparsity, Tensor]] = {}

    def __len__(self) -> int:
        return len(self.columns)

    @cached_property
    def rows(self) -> Tensor:
        """The row of every entry, (M,) int64."""
        counts = self.offsets.diff().long()
        return torch.repeat_interleave(counts, output_size=len(self))

    @cached_property
    def transposed(self) -> tuple["Sparsity", Tensor]:
        """The transpose, and for each of its entries the number of the same entry here, (M,) int64."""
        order = torch.argsort(self.columns, stable=True)
        counts = torch.bincount(self.columns, minlength=self.num_columns)
        return Sparsity(_offsets(counts), self.rows[order], self.num_rows), order

    def heads(self, num_heads: int) -> tuple["Sparsity", Tensor]:
        """The pattern that serves all heads in one product, (R H, C H), and how values (M, H) are laid out for it.

        Row r H + h holds the entries of row r for head h, so that a dense (C, H, D) operand is used where it lies; the
        order (H M,) picks its values from the flattened (M, H).
        """
        if num_heads not in self._heads:
            head = torch.arange(num_heads, device=self.columns.device)
            counts = self.offsets.diff().long()
            first = self.offsets[:-1].long()[self.rows]  # of the entry's row
            within = torch.arange(len(self), device=head.device) - first
            place = (first * num_heads + within)[:, None] + head * counts[self.rows][:, None]  # (M, H)
            order = torch.empty_like(place).flatten()
            order[place.flatten()] = torch.arange(place.numel(), device=head.device)
            columns = (self.columns.long()[:, None] * num_heads + head).flatten()[order]
            pattern = Sparsity(_offsets(counts.repeat_interleave(num_heads)), columns, self.num_columns * num_heads)
            self._heads[num_heads] = (pattern, order)
        return self._heads[num_heads]

    def matrix(self, values: Tensor) -> Tensor:
        """This pattern with ``values`` (M,) as a torch sparse CSR tensor; shares their memory."""
        shape = (self.num_rows, self.num_columns)
        return torch.sparse_csr_tensor(self.offsets, self.columns, values, shape, check_invariants=False)


def _offsets(counts: Tensor) -> Tensor:
    """Row offsets (R + 1,) from the number of entries of each row (R,)."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _product(matrix: Tensor, dense: Tensor) -> Tensor:
    """matrix @ dense, into memory of our own: ``@`` would fill a second buffer and copy it."""
    out = dense.new_zeros(matrix.shape[0], dense.shape[1])
    return torch.addmm(out, matrix, dense, beta=0.0, out=out)


class _SparseMatmul(torch.autograd.Function):
    """out = A(values) @ dense;  d dense = A^T @ d out;  d values[e] = d out[row of e] . dense[column of e]."""

    @staticmethod
    def forward(ctx, pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.pattern = pattern
        ctx.save_for_backward(values, dense)
        return _product(pattern.matrix(values), dense)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:  # type: ignore[no-untyped-def]
        pattern: Sparsity = ctx.pattern
        values, dense = ctx.saved_tensors
        grad = grad.contiguous()
        d_values = d_dense = None
        if ctx.needs_input_grad[1]:
            d_values = torch.sparse.sampled_addmm(pattern.matrix(values), grad, dense.t(), beta=0.0).values()
        if ctx.needs_input_grad[2]:
            transposed, order = pattern.transposed
            d_dense = _product(transposed.matrix(values.index_select(0, order)), grad)
        return None, d_values, d_dense


def spmm(pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:
    """Multiply a sparse matrix by a dense one: out[r] = sum over entries e of row r of values[e] dense[column of e].

    Shape: values (M,), dense (C, D) -> (R, D), float32 or float64 (half precision is computed in float32: no sparse
    product of the CPU or of cuSPARSE's deterministic kernels takes it). Differentiable once in both operands; a row
    without entries gives zeros.
    """
    if len(pattern) == 0 or dense.shape[1] == 0:
        return dense.new_zeros(pattern.num_rows, dense.shape[1]) + 0.0 * (values.sum() + dense.sum())
    if dense.dtype in (torch.float16, torch.bfloat16):
        return _SparseMatmul.apply(pattern, values.float(), dense.float()).to(dense.dtype)
    return _SparseMatmul.apply(pattern, values.to(dense.dtype), dense.contiguous())

"""Products of a sparse matrix in compressed rows (CSR) with a dense one, with gradients for both."""

# R rows, C columns, M stored entries, H heads, D width

import warnings
from functools import cached_property

import torch
import torch.nn.functional as F
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
        self._heads: dict[int, Heads] = {}

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def rows(self) -> Tensor:
        """The row of every entry, (M,) int64; made anew each time, for it is needed only while patterns are built."""
        counts = self.offsets.diff().long()
        return torch.repeat_interleave(counts, output_size=len(self))

    @cached_property
    def transposed(self) -> tuple["Sparsity", Tensor]:
        """The transpose, and for each of its entries the number of the same entry here, (M,) int64."""
        order = torch.argsort(self.columns, stable=True)
        counts = torch.bincount(self.columns, minlength=self.num_columns)
        return Sparsity(_offsets(counts), self.rows[order], self.num_rows), order

    def heads(self, num_heads: int) -> "Heads":
        """What the product of all heads at once needs, kept for the next call."""
        if num_heads not in self._heads:
            self._heads[num_heads] = Heads(self, num_heads)
        return self._heads[num_heads]

    def matrix(self, values: Tensor) -> Tensor:
        """This pattern with ``values`` (M,) as a torch sparse CSR tensor; shares their memory."""
        shape = (self.num_rows, self.num_columns)
        return torch.sparse_csr_tensor(self.offsets, self.columns, values, shape, check_invariants=False)


class Heads:
    """One pattern for all heads, (R H, C H), so that values (M, H) and a dense (C, H, D) need one product and no copy.

    Row r H + h holds the entries of row r for head h. ``order`` (M H,) says which of the flattened values each entry of
    ``pattern`` takes, ``place`` (M H,) is its inverse; ``back`` and ``back_order`` are the same for the transpose. One
    head is the pattern itself and takes the values as they stand. Values and operands: contiguous float32 or float64.
    """

    def __init__(self, sparsity: Sparsity, num_heads: int) -> None:
        transposed, entry = sparsity.transposed
        self.order = self.place = None
        if num_heads == 1:
            self.pattern, self.back, self.back_order = sparsity, transposed, entry.to(sparsity.columns.dtype)
            return
        self.pattern, self.order, self.place = _interleave(sparsity, num_heads)
        self.back, order, _ = _interleave(transposed, num_heads)
        self.back_order = (entry[order // num_heads] * num_heads + order % num_heads).to(order.dtype)

    def product(self, values: Tensor, dense: Tensor) -> Tensor:
        """out[r, h] = sum over entries e of r of values[e, h] dense[column of e, h]: (M, H), (C, H, D) -> (R, H, D)."""
        matrix = self.pattern.matrix(_taken(values.view(-1), self.order))
        return _product(matrix, dense.flatten(0, 1)).view(-1, *dense.shape[1:])

    def back_product(self, values: Tensor, dense: Tensor) -> Tensor:
        """The same with the transpose: (M, H), (R, H, D) -> (C, H, D)."""
        matrix = self.back.matrix(values.view(-1).index_select(0, self.back_order))
        return _product(matrix, dense.flatten(0, 1)).view(-1, *dense.shape[1:])

    def pair_products(self, values: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """left[row of e, h] . right[column of e, h]: (R, H, D), (C, H, D) -> (M, H), as many as ``values``."""
        products = _pair_products(self.pattern, values.view(-1), left.flatten(0, 1), right.flatten(0, 1))
        return _taken(products, self.place).view_as(values)


def _taken(values: Tensor, order: Tensor | None) -> Tensor:
    return values if order is None else values.index_select(0, order)


def _interleave(sparsity: Sparsity, num_heads: int) -> tuple[Sparsity, Tensor, Tensor]:
    """The pattern of ``Heads`` with its order and place, in 32 bits where they fit."""
    head = torch.arange(num_heads, device=sparsity.columns.device)
    counts = sparsity.offsets.diff().long()
    first = sparsity.offsets[:-1].long()[sparsity.rows]  # entry of the row's beginning
    within = torch.arange(len(sparsity), device=head.device) - first
    place = ((first * num_heads + within)[:, None] + head * counts[sparsity.rows][:, None]).flatten()
    order = torch.empty_like(place)
    order[place] = torch.arange(len(place), device=head.device)
    columns = (sparsity.columns.long()[:, None] * num_heads + head).flatten()[order]
    pattern = Sparsity(_offsets(counts.repeat_interleave(num_heads)), columns, sparsity.num_columns * num_heads)
    return pattern, order.to(pattern.columns.dtype), place.to(pattern.columns.dtype)


def _offsets(counts: Tensor) -> Tensor:
    """Row offsets (R + 1,) from the number of entries of each row (R,)."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _product(matrix: Tensor, dense: Tensor) -> Tensor:
    """matrix @ dense, into memory of our own: ``@`` would fill a second buffer and copy it."""
    out = dense.new_zeros(matrix.shape[0], dense.shape[1])
    return torch.addmm(out, matrix, dense, beta=0.0, out=out)


def _pair_products(pattern: Sparsity, values: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """left[row of e] . right[column of e] for every entry, (M,); ``values`` lends its memory's type and size.

    The kernel works in vectors of 8: rows are filled up with zeros, or 7 columns take ten times as long as 8.
    """
    missing = -left.shape[1] % 8
    if missing:
        left, right = F.pad(left, (0, missing)), F.pad(right, (0, missing))
    return torch.sparse.sampled_addmm(pattern.matrix(values), left, right.t(), beta=0.0).values()


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
            d_values = _pair_products(pattern, values, grad, dense)
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
    wide = torch.float32 if dense.dtype in (torch.float16, torch.bfloat16) else dense.dtype
    return _SparseMatmul.apply(pattern, values.to(wide), dense.to(wide).contiguous()).to(dense.dtype)

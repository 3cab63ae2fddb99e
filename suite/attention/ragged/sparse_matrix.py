"""Products of a sparse matrix in compressed rows (CSR) with a dense matrix, with gradients for both."""

# R rows, C columns, M stored entries, H heads, D width

import warnings
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.attention.operators.recompute import differentiable_gradients, without_autocast


class Sparsity:
    """The pattern of a sparse (R, C) matrix in compressed rows; its values are an argument of ``spmm``.

    The transpose and the patterns for several heads are built at first use and cached, since a graph does not change
    between training steps.

    Args:
        offsets: (R + 1,) ints, the bounds of the entries of each row.
        columns: (M,) ints, the column of each entry.
        num_columns: C.
    """

    def __init__(self, offsets: Tensor, columns: Tensor, num_columns: int) -> None:
        self.num_rows = len(offsets) - 1
        self.num_columns = num_columns
        fits = max(len(columns), self.num_rows, num_columns) < 2**31 - 1
        index = torch.int32 if fits else torch.int64  # the CPU kernels convert 64-bit indices in every call
        self.offsets = offsets.to(index)
        self.columns = columns.to(index)
        self._heads: dict[int, HeadPatterns] = {}
        self._checked = False

    def __len__(self) -> int:
        return len(self.columns)

    def check(self) -> None:
        """Raise ValueError for entries outside the matrix, which the compiled kernels would read; done once."""
        if not self._checked:
            outside = bool(((self.columns < 0) | (self.columns >= self.num_columns)).any())
            if (
                outside
                or int(self.offsets[0])
                or int(self.offsets[-1]) != len(self)
                or bool((self.offsets.diff() < 0).any())
            ):
                raise ValueError(
                    f"a pattern of {self.num_columns} columns and {len(self)} entries needs columns in "
                    f"0..{self.num_columns - 1} and offsets that rise from 0 to {len(self)}"
                )
            self._checked = True

    @property
    def rows(self) -> Tensor:
        """The row of every entry, (M,) int64; not cached, since only the construction of patterns needs it."""
        counts = self.offsets.diff().long()
        return torch.repeat_interleave(counts, output_size=len(self))

    @cached_property
    def transposed(self) -> tuple["Sparsity", Tensor]:
        """The transpose, and for each of its entries the number of that entry here, (M,) int64."""
        order = torch.argsort(self.columns, stable=True)
        counts = torch.bincount(self.columns, minlength=self.num_columns)
        return Sparsity(offsets_of(counts), self.rows[order], self.num_rows), order

    def heads(self, num_heads: int) -> "HeadPatterns":
        """The patterns for products of all heads at once, cached."""
        if num_heads not in self._heads:
            self._heads[num_heads] = HeadPatterns(self, num_heads)
        return self._heads[num_heads]

    def matrix(self, values: Tensor) -> Tensor:
        """This pattern with ``values`` (M,) as a torch sparse CSR tensor; shares their memory."""
        return _csr_tensor(self.offsets, self.columns, values, (self.num_rows, self.num_columns))


class HeadPatterns:
    """One pattern for all heads, (R H, C H): values (M, H) and a dense (C, H, D) need one product and no copy.

    Row r H + h holds the entries of row r for head h. With one head it is the pattern itself.

    Attributes:
        pattern: the joint pattern.
        order: (M H,), which of the flattened values each entry of ``pattern`` takes; None for one head.
        place: (M H,), the inverse of ``order``.
        back, back_order: pattern and order of the transpose.

    Values and operands must be contiguous float32 or float64.
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
        matrix = self.pattern.matrix(_reorder(values.view(-1), self.order))
        return sparse_product(matrix, dense.flatten(0, 1)).view(-1, *dense.shape[1:])

    def back_product(self, values: Tensor, dense: Tensor) -> Tensor:
        """``product`` with the transpose: (M, H), (R, H, D) -> (C, H, D)."""
        matrix = self.back.matrix(values.view(-1).index_select(0, self.back_order))
        return sparse_product(matrix, dense.flatten(0, 1)).view(-1, *dense.shape[1:])

    def pair_products(self, values: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """left[row of e, h] . right[column of e, h]: (R, H, D), (C, H, D) -> (M, H), the shape of ``values``."""
        products = _pair_products(self.pattern, values.view(-1), left.flatten(0, 1), right.flatten(0, 1))
        return _reorder(products, self.place).view_as(values)


def spmm(pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:
    """Multiply a sparse matrix by a dense one: out[r] = sum over entries e of row r of values[e] dense[column of e].

    Shape: values (M,), dense (C, D) -> (R, D), float32 or float64. Half precision is computed in float32: neither the
    sparse products of the CPU nor the deterministic kernels of cuSPARSE take it. A row without entries gives zeros.
    """
    if len(pattern) == 0 or dense.shape[1] == 0:
        return dense.new_zeros(pattern.num_rows, dense.shape[1]) + 0.0 * (values.sum() + dense.sum())
    wide = torch.float32 if dense.dtype in (torch.float16, torch.bfloat16) else dense.dtype
    with without_autocast(dense.device):
        return _SparseMatmul.apply(pattern, values.to(wide), dense.to(wide).contiguous()).to(dense.dtype)


def gathered_product(pattern: Sparsity, values: Tensor, dense: Tensor) -> Tensor:
    """``spmm`` in gathers and scatters, which has derivatives of every order and needs memory for every entry."""
    terms = values[:, None] * dense.index_select(0, pattern.columns)
    return terms.new_zeros(pattern.num_rows, dense.shape[1]).index_add(0, pattern.rows, terms)


def sparse_product(matrix: Tensor, dense: Tensor) -> Tensor:
    """matrix @ dense, without the second buffer and the copy that ``@`` makes."""
    out = dense.new_zeros(matrix.shape[0], dense.shape[1])
    return torch.addmm(out, matrix, dense, beta=0.0, out=out)


def offsets_of(counts: Tensor) -> Tensor:
    """Row offsets (R + 1,) from the number of entries of each row (R,)."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


_warnings_given = False


def _csr_tensor(offsets: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """``torch.sparse_csr_tensor`` without the warnings (beta, unchecked) that torch gives once per process."""
    global _warnings_given
    if _warnings_given:
        return torch.sparse_csr_tensor(offsets, columns, values, shape, check_invariants=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
        _warnings_given = True
        return torch.sparse_csr_tensor(offsets, columns, values, shape, check_invariants=False)


def _reorder(values: Tensor, order: Tensor | None) -> Tensor:
    return values if order is None else values.index_select(0, order)


def _interleave(sparsity: Sparsity, num_heads: int) -> tuple[Sparsity, Tensor, Tensor]:
    """The pattern of ``HeadPatterns`` with its order and place, in 32 bits where they fit."""
    head = torch.arange(num_heads, device=sparsity.columns.device)
    counts = sparsity.offsets.diff().long()
    first = sparsity.offsets[:-1].long()[sparsity.rows]  # first entry of the row
    within = torch.arange(len(sparsity), device=head.device) - first
    place = ((first * num_heads + within)[:, None] + head * counts[sparsity.rows][:, None]).flatten()
    order = torch.empty_like(place)
    order[place] = torch.arange(len(place), device=head.device)
    columns = (sparsity.columns.long()[:, None] * num_heads + head).flatten()[order]
    pattern = Sparsity(offsets_of(counts.repeat_interleave(num_heads)), columns, sparsity.num_columns * num_heads)
    return pattern, order.to(pattern.columns.dtype), place.to(pattern.columns.dtype)


def _pair_products(pattern: Sparsity, values: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """left[row of e] . right[column of e] for every entry, (M,); ``values`` gives type and size of the memory.

    The kernel works in vectors of 8, and 7 columns take ten times as long as 8: the operands are padded with zeros.
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
        return sparse_product(pattern.matrix(values), dense)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:  # type: ignore[no-untyped-def]
        pattern: Sparsity = ctx.pattern
        values, dense = ctx.saved_tensors
        if torch.is_grad_enabled():
            d_values, d_dense = differentiable_gradients(partial(gathered_product, pattern), (values, dense), [grad])
            return None, d_values, d_dense
        grad = grad.contiguous()
        d_values = d_dense = None
        if ctx.needs_input_grad[1]:
            d_values = _pair_products(pattern, values, grad, dense)
        if ctx.needs_input_grad[2]:
            transposed, order = pattern.transposed
            d_dense = sparse_product(transposed.matrix(values.index_select(0, order)), grad)
        return None, d_values, d_dense

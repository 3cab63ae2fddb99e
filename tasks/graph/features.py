"""Sparse node features, such as bags of words."""

# N nodes, F features, Z stored entries

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SparseFeatures:
    """An (N, F) matrix in compressed sparse rows (CSR).

    Args:
        offsets: (N + 1,) int64; the entries of row i are ``offsets[i]`` to ``offsets[i + 1]``.
        columns: (Z,) int64, ascending within a row.
        values: (Z,) float32, none of them zero.
        num_columns: F.
    """

    offsets: Tensor
    columns: Tensor
    values: Tensor
    num_columns: int

    @classmethod
    def from_entries(
        cls, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int]
    ) -> "SparseFeatures":
        """A matrix from row, column and value of its entries (Z,), in any order; entries of the same cell are summed.

        Raises ValueError for an entry outside ``shape``.
        """
        num_rows, num_columns = shape
        for name, ids, count in (("row", rows, num_rows), ("column", columns, num_columns)):
            if len(ids) and (ids.min() < 0 or ids.max() >= count):
                raise ValueError(f"a feature is in a {name} outside 0..{count - 1}")
        cells, where = np.unique(rows.astype(np.int64) * num_columns + columns, return_inverse=True)
        sums = np.bincount(where.reshape(-1), weights=values, minlength=len(cells)).astype(np.float32)
        cells, sums = cells[sums != 0], sums[sums != 0]
        counts = np.bincount(cells // max(num_columns, 1), minlength=num_rows)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        columns = cells % max(num_columns, 1)
        return cls(torch.from_numpy(offsets), torch.from_numpy(columns), torch.from_numpy(sums), num_columns)

    @classmethod
    def from_csr(
        cls, indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, num_columns: int
    ) -> "SparseFeatures":
        """A matrix from CSR arrays. Raises ValueError for arrays that are not a matrix."""
        rows = csr_rows(indptr, len(indices))
        if len(values) != len(indices):
            raise ValueError(f"{len(indices)} feature columns have {len(values)} values")
        return cls.from_entries(rows, indices, values, (len(indptr) - 1, num_columns))

    @classmethod
    def from_dense(cls, matrix: np.ndarray) -> "SparseFeatures":
        """A matrix from a dense (N, F) array."""
        rows, columns = np.nonzero(matrix)
        return cls.from_entries(rows, columns, matrix[rows, columns], (matrix.shape[0], matrix.shape[1]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> Tensor:
        """The row of each entry, (Z,) int64."""
        return torch.repeat_interleave(self.offsets.diff(), output_size=len(self.values))

    def to_dense(self) -> Tensor:
        """The (N, F) matrix, float32."""
        dense = self.values.new_zeros(len(self), self.num_columns)
        dense[self.rows, self.columns] = self.values
        return dense

    def row_normalized(self) -> "SparseFeatures":
        """The matrix with each row divided by the sum of its absolute values (Kipf & Welling 2017, for bags of words).

        Rows without entries stay zero.
        """
        sums = np.bincount(self.rows.numpy(), weights=self.values.abs().numpy(), minlength=len(self))
        values = self.values.numpy() / sums[self.rows.numpy()]
        return replace(self, values=torch.from_numpy(values.astype(np.float32)))

    def to(self, device: torch.device | str) -> "SparseFeatures":
        """The features on ``device``."""
        return SparseFeatures(
            self.offsets.to(device), self.columns.to(device), self.values.to(device), self.num_columns
        )


def csr_rows(indptr: np.ndarray, num_entries: int) -> np.ndarray:
    """The row of each entry of a CSR matrix, (Z,) int64. Raises ValueError if the offsets do not fit."""
    indptr = indptr.astype(np.int64)
    counts = indptr[1:] - indptr[:-1]
    if len(indptr) < 1 or indptr[0] != 0 or (counts < 0).any() or indptr[-1] != num_entries:
        raise ValueError(f"the row offsets do not fit {num_entries} entries")
    return np.repeat(np.arange(len(counts)), counts)

"""Sparse node features."""

import numpy as np
import pytest
import torch

from tasks.graph.features import SparseFeatures


def test_entries_in_any_order_give_the_same_matrix_and_repeated_ones_are_summed():
    features = SparseFeatures.from_csr(
        np.array([0, 3, 3, 4]), np.array([4, 0, 4, 1]), np.array([1.0, 2.0, 3.0, 0.0]), num_columns=5
    )
    assert features.to_dense().tolist() == [[2, 0, 0, 0, 4], [0] * 5, [0] * 5]
    assert features.offsets.tolist() == [0, 2, 2, 2]


@pytest.mark.parametrize(
    ("indptr", "indices", "values"),
    [([0, 1, 2], [0, 5], [1, 1]), ([0, 2, 1], [0, 1], [1, 1]), ([0, 1, 3], [0, 1], [1, 1]), ([0, 1, 2], [0, 1], [1])],
)
def test_arrays_that_are_not_a_matrix_raise_an_error(indptr: list, indices: list, values: list):
    with pytest.raises(ValueError, match=r"outside 0\.\.4|do not fit|have 1 values"):
        SparseFeatures.from_csr(np.array(indptr), np.array(indices), np.array(values), num_columns=5)


def test_rows_are_divided_by_the_sum_of_their_absolute_values_and_empty_rows_stay_zero():
    matrix = np.array([[1, 0, 2], [0, -3, 1], [0, 0, 0]], dtype=np.float32)
    dense = SparseFeatures.from_dense(matrix).row_normalized().to_dense()
    torch.testing.assert_close(dense.abs().sum(dim=1), torch.tensor([1.0, 1.0, 0.0]))
    torch.testing.assert_close(dense[1], torch.tensor([0, -0.75, 0.25]))

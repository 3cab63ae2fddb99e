import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.data.per_class_split import PerClassSplit
from suite.errors import UserError


@given(labels=st.lists(st.integers(-1, 4), min_size=30, max_size=200), seed=st.integers(0, 99))
def test_parts_are_disjoint_labelled_and_the_same_every_time(labels: list[int], seed: int):
    array = np.array(labels)
    array[:25] = np.arange(25) % 5
    split = PerClassSplit(0.5, 0.2, 0.2, seed)
    parts = split(array)
    joined = np.concatenate(parts)
    assert len(np.unique(joined)) == len(joined)
    assert (array[joined] >= 0).all()
    assert set(array[parts[0]]) == {0, 1, 2, 3, 4}
    for part, again in zip(parts, split(array), strict=True):
        np.testing.assert_array_equal(part, again)


def test_counts_are_kept_and_the_rest_is_in_proportion():
    labels = np.repeat([0, 1, 2], [300, 200, 100])
    train, val, test = PerClassSplit(train_per_class=20, num_val=60, num_test=120)(labels)
    np.testing.assert_array_equal(np.bincount(labels[train]), [20, 20, 20])
    np.testing.assert_allclose(np.bincount(labels[val]) / 60, np.array([280, 180, 80]) / 540, atol=0.02)
    np.testing.assert_allclose(np.bincount(labels[test]) / 120, np.array([280, 180, 80]) / 540, atol=0.02)


def test_the_stream_of_the_seed_is_fixed_for_good():
    train, val, test = PerClassSplit(2, 3, 4, seed=7)(np.arange(20) % 2)
    assert (train.tolist(), val.tolist(), test.tolist()) == ([3, 7, 10, 16], [0, 4, 5], [2, 11, 18, 19])


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (PerClassSplit(20, 1, 1), r"Class 0 has 10 labelled items.*data\.train_per_class"),
        (PerClassSplit(2, 500, 1000), r"16 labelled items remain.*data\.num_val"),
        (PerClassSplit(2, 0, 4), r"num_val=0"),
    ],
)
def test_a_split_that_does_not_fit_is_refused(split: PerClassSplit, message: str):
    with pytest.raises(UserError, match=message):
        split(np.arange(20) % 2)


def test_labels_without_any_label_are_refused():
    with pytest.raises(UserError, match="No item has a label"):
        PerClassSplit(20, 500, 1000)(np.full(5, -1))

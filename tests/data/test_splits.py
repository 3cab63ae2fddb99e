"""Seeded splits: what the files state, fractions, folds, groups and errors."""

import numpy as np
import pytest

from suite.data.splits import GroupedSplit, RandomGroupSplit, Split, StratifiedSplit, parse_split
from suite.errors import UserError

LABELS = np.arange(60) % 3
NONE = np.full(60, "")
ALONE = np.zeros(60, dtype=int)
PATIENTS = np.arange(60) // 4
KINDS = [StratifiedSplit, GroupedSplit, RandomGroupSplit]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folds", [None, 3])
def test_splits_are_disjoint_complete_and_follow_from_the_seed(kind: type, folds: int | None) -> None:
    split = kind(0.2, 0.2, folds=folds, seed=1)(LABELS, NONE, PATIENTS)
    assert sorted(np.concatenate(split)) == list(range(60))
    assert split.hash() == kind(0.2, 0.2, folds=folds, seed=1)(LABELS, NONE, PATIENTS).hash()
    assert split.hash() != kind(0.2, 0.2, folds=folds, seed=2)(LABELS, NONE, PATIENTS).hash()


def test_every_item_is_tested_in_one_fold() -> None:
    tested = [StratifiedSplit(0.1, 0.1, folds=5, fold=fold)(LABELS, NONE, ALONE).test for fold in range(5)]
    assert sorted(np.concatenate(tested)) == list(range(60))


def test_stated_splits_are_kept_and_the_rest_is_training() -> None:
    stated = NONE.astype("<U5")
    stated[:7], stated[7:10] = "test", "val"
    split = StratifiedSplit(0.1, 0.1)(LABELS, stated, ALONE)
    assert split.test.tolist() == list(range(7))
    assert split.val.tolist() == [7, 8, 9]
    assert split.counts() == {"num_train": 50, "num_val": 3, "num_test": 7}


@pytest.mark.parametrize("kind", [GroupedSplit, RandomGroupSplit])
def test_no_group_is_in_two_splits(kind: type) -> None:
    parts = [set(PATIENTS[items]) for items in kind(0.2, 0.2)(LABELS, NONE, PATIENTS)]
    assert sum(map(len, parts)) == len(set(PATIENTS))


def test_files_that_put_a_group_into_two_splits_are_an_error() -> None:
    stated = NONE.astype("<U5")
    stated[0] = "test"
    with pytest.raises(UserError, match="The group 0 has items in train and test"):
        GroupedSplit(0.2, 0.2)(LABELS, stated, PATIENTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"val_fraction": 0.0, "test_fraction": 0.1}, "data.val_fraction must be between 0 and 1"),
        ({"val_fraction": 0.1, "test_fraction": 1.0}, "data.test_fraction must be between 0 and 1"),
        ({"val_fraction": 0.1, "test_fraction": 0.1, "folds": 3, "fold": 3}, "data.folds must be at least 2"),
    ],
)
def test_values_out_of_range_are_errors(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        StratifiedSplit(**arguments)


def test_an_empty_split_is_an_error() -> None:
    with pytest.raises(UserError, match="The val split is empty: 3 items in 1 groups"):
        StratifiedSplit(0.1, 0.1)(LABELS[:3], NONE[:3], ALONE[:3])


def test_the_hash_depends_on_the_splits_and_not_only_on_the_items() -> None:
    items = np.arange(3)
    assert Split(items[:1], items[1:], items[:0]).hash() != Split(items[:2], items[2:], items[:0]).hash()


def test_the_name_of_a_split_is_checked() -> None:
    assert parse_split("val", "row 1") == "val"
    with pytest.raises(UserError, match="row 1: the split 'dev' must be one of train, val, test"):
        parse_split("dev", "row 1")

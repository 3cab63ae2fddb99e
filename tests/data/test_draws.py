"""Random draws of items: fractions, folds, and whole groups."""

import numpy as np

from suite.data.draws import grouped_shares, per_class, stratified_folds, whole_groups

LABELS = np.array(["a"] * 10 + ["b"] * 30 + ["c"] * 20)
GROUPS = np.arange(60) // 3


def random() -> np.random.RandomState:
    return np.random.RandomState(0)


def test_the_same_fraction_of_each_class_is_drawn() -> None:
    drawn = per_class(LABELS, 0.3, random())
    assert len(np.unique(drawn)) == len(drawn)
    assert dict(zip(*np.unique(LABELS[drawn], return_counts=True), strict=True)) == {"a": 3, "b": 9, "c": 6}
    assert not len(per_class(LABELS[:0], 0.3, random()))


def test_folds_differ_by_at_most_one_item_in_each_class() -> None:
    fold = stratified_folds(LABELS, 7, random())
    for selected in (np.ones(60, dtype=bool), *(name == LABELS for name in "abc")):
        counts = np.bincount(fold[selected], minlength=7)
        assert counts.max() - counts.min() <= 1


def test_groups_stay_whole() -> None:
    drawn = whole_groups(GROUPS, 0.25, random())
    assert len(drawn) == 15
    assert set(GROUPS[drawn]).isdisjoint(np.delete(GROUPS, drawn))
    share = grouped_shares(LABELS, GROUPS, np.array([0.5, 0.3, 0.2]), random())
    assert all(len(set(share[group == GROUPS])) == 1 for group in range(20))
    assert np.abs(np.bincount(share) / 60 - [0.5, 0.3, 0.2]).max() <= 0.1


def test_no_share_is_empty_if_there_are_enough_groups() -> None:
    groups = np.array([0] * 50 + [1, 2])
    share = grouped_shares(np.zeros(52), groups, np.full(3, 1 / 3), random())
    assert set(share) == {0, 1, 2}

"""Splits of histories: leave-one-out and global time."""

import numpy as np
import pytest

from suite.data.ranges import concatenate_ranges
from suite.errors import UserError
from tasks.recommender.histories import Histories
from tasks.recommender.split import GlobalTime, LeaveOneOut


def test_leave_one_out_takes_the_last_two_events_of_users_with_three(histories: Histories) -> None:
    split = LeaveOneOut()(histories)
    ends = histories.offsets[1:]
    assert (ends - split.train_ends).tolist() == [2, 0, 2, 0, 2]
    assert split.targets(histories, "test").tolist() == [6, 11, 44]
    assert split.targets(histories, "val").tolist() == [5, 10, 43]
    assert len(split.targets(histories, "train")) == 4 + 0 + 1 + 1 + 28


def test_global_time_trains_on_the_past_only(histories: Histories) -> None:
    split = GlobalTime(0.2, 0.2)(histories)
    train = histories.times[concatenate_ranges(histories.offsets[:-1], split.train_ends)]
    val = histories.times[concatenate_ranges(split.train_ends, split.val_ends)]
    test = histories.times[concatenate_ranges(split.val_ends, histories.offsets[1:])]
    assert train.max() < val.min() <= val.max() < test.min()
    assert (len(val), len(test)) == (9, 9)


def test_a_split_without_events_raises_an_error() -> None:
    pairs = Histories.from_events(["a", "a", "b", "b"], ["x", "y", "x", "y"])
    with pytest.raises(UserError, match="No user has three interactions"):
        LeaveOneOut()(pairs)
    same = Histories.from_events(["a"] * 5, list("vwxyz"), np.ones(5))
    with pytest.raises(UserError, match="has no event for train"):
        GlobalTime(0.1, 0.1)(same)
    with pytest.raises(UserError, match="must be fractions with a sum below 1"):
        GlobalTime(0.5, 0.5)


def test_the_hash_depends_on_the_split_only(histories: Histories) -> None:
    first, second = LeaveOneOut()(histories), GlobalTime(0.2, 0.2)(histories)
    assert first.hash() == LeaveOneOut()(histories).hash() != second.hash()

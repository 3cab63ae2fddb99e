"""Events in, flat arrays out; which of them train, select and test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.errors import UserError
from tasks.recommender.histories import Histories, k_core
from tasks.recommender.split import GlobalTime, LeaveOneOut, ranges


def test_events_are_sorted_by_user_then_time_and_ties_keep_their_order() -> None:
    made = Histories.from_events(
        ["b", "a", "b", "a", "b"], ["x", "y", "z", "w", "y"], np.array([5.0, 9.0, 2.0, 9.0, 5.0])
    )
    names = [made.item_ids[item - 1] for item in made.items]
    assert made.user_ids == ("a", "b")
    assert made.offsets.tolist() == [0, 2, 5]
    assert names == ["y", "w", "z", "x", "y"]


def test_ids_that_are_numbers_are_numbered_as_numbers() -> None:
    made = Histories.from_events(["10", "9"], ["100", "20"])
    assert (made.user_ids, made.item_ids) == (("9", "10"), ("20", "100"))
    assert made.items.tolist() == [1, 2]


def test_the_same_row_twice_counts_once_and_a_repeat_at_another_time_stays() -> None:
    made = Histories.from_events(["a"] * 4, ["x", "x", "y", "x"], np.array([1.0, 1.0, 2.0, 3.0]))
    assert [made.item_ids[i - 1] for i in made.items] == ["x", "y", "x"]
    assert made.dropped["duplicates"] == 1


def test_no_event_is_refused() -> None:
    with pytest.raises(UserError, match="No interaction is left"):
        Histories.from_events([], [])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40), st.integers(1, 4))
def test_k_core_equals_removing_one_row_after_another(rows: list[tuple[int, int]], least: int) -> None:
    left = list(enumerate(rows))
    while True:
        few = next(
            (
                row
                for row in left
                if sum(r[1][0] == row[1][0] for r in left) < least or sum(r[1][1] == row[1][1] for r in left) < least
            ),
            None,
        )
        if few is None:
            break
        left.remove(few)
    users, items = (np.array([row[side] for row in rows]).astype(str) for side in (0, 1))
    assert np.flatnonzero(k_core(users, items, least)).tolist() == [place for place, _ in left]


def test_leave_one_out_leaves_the_last_two_of_users_with_three(histories: Histories) -> None:
    parts = LeaveOneOut()(histories)
    ends = histories.offsets[1:]
    assert (ends - parts.train_ends).tolist() == [2, 0, 2, 0, 2]
    assert parts.targets(histories, "test").tolist() == [6, 11, 44]
    assert parts.targets(histories, "val").tolist() == [5, 10, 43]
    assert len(parts.targets(histories, "train")) == 4 + 0 + 1 + 1 + 28


def test_global_time_keeps_the_future_out(histories: Histories) -> None:
    parts = GlobalTime(0.2, 0.2)(histories)
    train = histories.times[ranges(histories.offsets[:-1], parts.train_ends)]
    val = histories.times[ranges(parts.train_ends, parts.val_ends)]
    test = histories.times[ranges(parts.val_ends, histories.offsets[1:])]
    assert train.max() < val.min() <= val.max() < test.min()
    assert (len(val), len(test)) == (9, 9)


def test_a_split_without_a_part_is_refused() -> None:
    pairs = Histories.from_events(["a", "a", "b", "b"], ["x", "y", "x", "y"])
    with pytest.raises(UserError, match="No user has three interactions"):
        LeaveOneOut()(pairs)
    same = Histories.from_events(["a"] * 5, list("vwxyz"), np.ones(5))
    with pytest.raises(UserError, match="leaves no event for train"):
        GlobalTime()(same)
    with pytest.raises(UserError, match="must be parts of 1"):
        GlobalTime(0.5, 0.5)


def test_the_hash_sees_every_field(histories: Histories) -> None:
    from dataclasses import replace

    others = [
        replace(histories, titles=("t",) * histories.num_items),
        replace(histories, items=histories.items[::-1]),
        replace(histories, genres=((1,),) * histories.num_items),
        replace(histories, traits=(("x",),) * histories.num_users),
    ]
    assert len({made.content_hash() for made in [histories, *others]}) == 5

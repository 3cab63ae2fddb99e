"""Histories from events: order, ids, duplicates, k-core, hash."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.errors import UserError
from tasks.recommender.histories import Histories, k_core


def test_events_are_sorted_by_user_then_time_and_ties_keep_their_order() -> None:
    made = Histories.from_events(
        ["b", "a", "b", "a", "b"], ["x", "y", "z", "w", "y"], np.array([5.0, 9.0, 2.0, 9.0, 5.0])
    )
    names = [made.item_ids[item - 1] for item in made.items]
    assert made.user_ids == ("a", "b")
    assert made.offsets.tolist() == [0, 2, 5]
    assert names == ["y", "w", "z", "x", "y"]


def test_ids_that_are_numbers_are_sorted_as_numbers() -> None:
    made = Histories.from_events(["10", "9"], ["100", "20"])
    assert (made.user_ids, made.item_ids) == (("9", "10"), ("20", "100"))
    assert made.items.tolist() == [1, 2]


def test_a_repeated_row_counts_once_and_a_repeat_at_another_time_counts() -> None:
    made = Histories.from_events(["a"] * 4, ["x", "x", "y", "x"], np.array([1.0, 1.0, 2.0, 3.0]))
    assert [made.item_ids[i - 1] for i in made.items] == ["x", "y", "x"]
    assert made.dropped["duplicates"] == 1


def test_no_event_raises_an_error() -> None:
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


def test_the_hash_depends_on_each_field(histories: Histories) -> None:
    from dataclasses import replace

    others = [
        replace(histories, titles=("t",) * histories.num_items),
        replace(histories, items=histories.items[::-1]),
        replace(histories, genres=((1,),) * histories.num_items),
        replace(histories, traits=(("x",),) * histories.num_users),
    ]
    assert len({made.content_hash() for made in [histories, *others]}) == 5

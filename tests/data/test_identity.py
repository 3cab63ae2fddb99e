"""Samples are recognised by name and content, whatever happens to their rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.identity import DataChanges, SampleRecord, digest, digests
from suite.data.splits import Split


def record(names: list[str], contents: list[str], train: list[int], val: list[int], test: list[int]) -> SampleRecord:
    split = Split(*(np.array(part, dtype=np.int64) for part in (train, val, test)))
    return SampleRecord(digests(names), digests(contents), split, str(digest(*names, *contents)), split.hash())


NAMES, CONTENTS = ["a", "b", "c", "d", "e"], ["1", "2", "3", "4", "5"]
BEFORE = record(NAMES, CONTENTS, [0, 1], [2], [3, 4])


def test_a_digest_depends_on_where_the_parts_end() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") == digest(b"ab")


def test_equal_data_have_no_change() -> None:
    assert not BEFORE.changes(record(NAMES, CONTENTS, [0, 1], [2], [3, 4]))


@pytest.mark.parametrize(
    ("now", "changes", "text"),
    [
        (record([*NAMES, "f"], [*CONTENTS, "6"], [0], [1], [5]), DataChanges(added=1), "1 sample added"),
        (record(NAMES[:3], CONTENTS[:3], [0], [1], [2]), DataChanges(removed=2), "2 samples removed"),
        (record(NAMES, ["1", "2", "3", "4", "x"], [0], [1], [2]), DataChanges(altered=1), "1 sample altered"),
        (
            record(["z", *NAMES[1:4]], CONTENTS[:4], [0], [1], [2]),
            DataChanges(removed=1, renamed=1),
            "1 sample removed, 1 sample renamed",
        ),
        (
            record(NAMES[::-1], CONTENTS[::-1], [0], [1], [2]),
            DataChanges(reordered=True),
            "the order of the samples changed",
        ),
        (record(NAMES, CONTENTS, [0, 2], [1], [3, 4]), DataChanges(split=True), "the split is drawn differently"),
        (
            record([*NAMES[1:], "f", "g"], [*CONTENTS[1:], "6", "7"], [0], [1], [2]),
            DataChanges(added=2, removed=1),
            "2 samples added, 1 sample removed",
        ),
    ],
)
def test_changes_are_counted_by_kind(now: SampleRecord, changes: DataChanges, text: str) -> None:
    assert BEFORE.changes(now) == changes
    assert str(changes) == text


def test_a_folder_that_moved_is_no_change() -> None:
    moved = record([f"moved/{name}" for name in NAMES], CONTENTS, [0, 1], [2], [3, 4])
    assert not BEFORE.changes(replace(moved, content_hash=BEFORE.content_hash))


def test_the_recorded_split_follows_the_samples() -> None:
    now = record(["f", "e", "d", "c", "b", "a"], ["6", "5", "4", "3", "2", "1"], [0], [1], [2])
    split = BEFORE.split_of(now)
    assert [part.tolist() for part in split] == [[4, 5], [3], [1, 2]]  # "f" is new: in no split


def test_a_test_sample_overwritten_by_a_training_sample_is_in_no_split() -> None:
    now = record(NAMES, ["1", "2", "3", "4", "1"], [0], [1], [2])
    assert BEFORE.split_of(now).test.tolist() == [3]


def test_equal_samples_without_names_are_counted() -> None:
    before = record(["1", "1", "2"], ["1", "1", "2"], [0], [1], [2])
    now = record(["1", "2"], ["1", "2"], [0], [1], [1])
    assert before.changes(now) == DataChanges(removed=1)


def test_a_record_without_samples_has_only_new_ones() -> None:
    empty = record([], [], [], [], [])
    assert empty.changes(BEFORE) == DataChanges(added=5)
    assert [part.tolist() for part in empty.split_of(BEFORE)] == [[], [], []]
    assert not empty.unchanged(BEFORE).any()
    assert BEFORE.changes(empty) == DataChanges(removed=5)
    assert [part.tolist() for part in BEFORE.split_of(empty)] == [[], [], []]


def test_a_record_survives_a_checkpoint() -> None:
    again = SampleRecord.from_state_dict(BEFORE.state_dict())
    assert not BEFORE.changes(again)
    assert [part.tolist() for part in again.split] == [part.tolist() for part in BEFORE.split]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_trained_sample_is_ever_in_the_test_split(data: st.DataObject) -> None:
    count = data.draw(st.integers(3, 12))
    contents = data.draw(st.lists(st.sampled_from("pqrstuvwxyz"), min_size=count, max_size=count, unique=False))
    names = [f"n{place}" for place in range(count)]
    cut = sorted(data.draw(st.lists(st.integers(1, count - 1), min_size=2, max_size=2, unique=True)))
    before = record(names, contents, list(range(cut[0])), list(range(cut[0], cut[1])), list(range(cut[1], count)))
    kept = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    later = [(names[place], contents[place]) for place in kept]
    later += [(f"new{place}", "new") for place in range(data.draw(st.integers(0, 3)))]
    later = data.draw(st.permutations(later))
    now = record([name for name, _ in later], [content for _, content in later], [], [], [])
    split = before.split_of(now)
    assert {later[place][0] for place in split.test} == {names[place] for place in kept if place >= cut[1]}
    assert {later[place][0] for place in split.train} == {names[place] for place in kept if place < cut[0]}
    added = sum(name.startswith("new") for name, _ in later)
    assert before.changes(now).added == added
    assert before.changes(now).removed == count - len(kept)

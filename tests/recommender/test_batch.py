"""Training windows and evaluation batches, compared with loops."""

from collections import Counter

import numpy as np
import pytest
import torch

from tasks.recommender.batch import EvaluationHistories, TrainingWindows, Windows, batch_sizes
from tasks.recommender.histories import Histories
from tasks.recommender.split import LeaveOneOut


@pytest.mark.parametrize("max_length", [1, 4, 5, 50])
def test_each_training_event_but_the_first_is_a_target_once_in_an_epoch(histories: Histories, max_length: int) -> None:
    split = LeaveOneOut()(histories)
    windows = TrainingWindows(Windows(histories, 4.0), histories, split, max_length, positions=23)
    wanted: Counter[tuple[int, int]] = Counter()
    for user in range(histories.num_users):
        for place in range(histories.offsets[user] + 1, split.train_ends[user]):
            wanted[user + 1, int(histories.items[place])] += 1
    for _ in range(3):
        found: Counter[tuple[int, int]] = Counter()
        for batch in windows:
            assert batch.items.shape[1] <= max_length + 1
            for user, row, length in zip(
                batch.users.tolist(), batch.items.tolist(), batch.lengths.tolist(), strict=True
            ):
                assert all(row[:length])
                assert not any(row[length:])
                found.update((user, item) for item in row[1:length])
        assert found == wanted


def test_windows_are_ranges_of_the_history_with_its_likes(histories: Histories) -> None:
    split = LeaveOneOut()(histories)
    for batch in TrainingWindows(Windows(histories, 4.0), histories, split, 6, positions=40):
        for row, liked, length, user in zip(batch.items, batch.liked, batch.lengths, batch.users, strict=True):
            start, end = histories.offsets[user - 1], split.train_ends[user - 1]
            places = [
                place
                for place in range(start, end - length + 1)
                if histories.items[place : place + length].tolist() == row[:length].tolist()
                and (histories.ratings[place : place + length] >= 4).tolist() == liked[:length].tolist()
            ]
            assert places


@pytest.mark.parametrize(("max_length", "positions"), [(1, 1), (3, 2), (5, 40), (50, 23), (50, 100_000)])
def test_each_epoch_has_the_same_number_of_batches(histories: Histories, max_length: int, positions: int) -> None:
    windows = TrainingWindows(Windows(histories, 4.0), histories, LeaveOneOut()(histories), max_length, positions)
    for _ in range(5):
        batches = list(windows)
        assert len(batches) == len(windows)
        assert all(len(batch.lengths) for batch in batches)


def test_borders_are_drawn_again_in_each_epoch(histories: Histories) -> None:
    torch.manual_seed(0)
    windows = TrainingWindows(Windows(histories, 4.0), histories, LeaveOneOut()(histories), 5, positions=1000)
    starts = {tuple(sorted(windows._windows()[1].tolist())) for _ in range(20)}
    assert len(starts) == 5


@pytest.mark.parametrize("max_length", [3, 50])
def test_a_target_comes_with_all_events_before_it(histories: Histories, max_length: int) -> None:
    split = LeaveOneOut()(histories)
    batches = list(EvaluationHistories(Windows(histories, 4.0), histories, split, "test", max_length, positions=20))
    found = {}
    for batch in batches:
        assert batch.targets is not None
        assert batch.seen is not None
        for row in range(len(batch.targets)):
            length = int(batch.lengths[row])
            found[int(batch.users[row]) - 1] = (
                batch.items[row, :length].tolist(),
                int(batch.targets[row]),
                sorted(batch.seen[1][batch.seen[0] == row].tolist()),
            )
    assert sorted(found) == [0, 2, 4]
    for user, (items, target, seen) in found.items():
        events = histories.items[histories.offsets[user] : histories.offsets[user + 1]].tolist()
        assert items == events[:-1][-max_length:]
        assert (target, seen) == (events[-1], sorted(events[:-1]))


def test_a_batch_has_at_most_the_requested_positions() -> None:
    lengths = sorted(np.random.default_rng(0).integers(1, 90, 301).tolist(), reverse=True)
    sizes = batch_sizes(lengths, 100)
    assert sum(sizes) == 301
    begin = 0
    for size in sizes:
        assert size == 1 or size * lengths[begin] <= 100
        begin += size

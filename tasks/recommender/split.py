"""Splits of histories into training, validation and test events."""

# U users, N events

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from suite.data.cache import hash_arrays
from suite.data.ranges import concatenate_ranges
from suite.errors import UserError
from tasks.recommender.histories import Histories


@dataclass(frozen=True)
class HistorySplit:
    """The split of the events of each user, in time order: training, then validation, then test.

    Args:
        train_ends: (U,) int64, index of each user's first event after training, among all events.
        val_ends: (U,) int64, index of the first event after validation.
    """

    train_ends: np.ndarray
    val_ends: np.ndarray

    def targets(self, histories: Histories, split: str) -> np.ndarray:
        """Return the events of a split that have an event before them, as sorted int64 indices among all events."""
        starts, ends = histories.offsets[:-1], histories.offsets[1:]
        first, last = {
            "train": (starts + 1, self.train_ends),
            "val": (self.train_ends, self.val_ends),
            "test": (self.val_ends, ends),
        }[split]
        return concatenate_ranges(np.maximum(first, starts + 1), last)

    def hash(self) -> str:
        """SHA-256 of the split; equal for equal splits."""
        return hash_arrays({"train_ends": self.train_ends, "val_ends": self.val_ends})


class Splitter(Protocol):
    """Splits histories."""

    def __call__(self, histories: Histories) -> HistorySplit:
        """Return the split. Raises UserError if a split has no event."""
        ...


@dataclass(frozen=True)
class LeaveOneOut:
    """The last event of each user is for test, the one before it for validation (Kang & McAuley 2018, section IV-A).

    All events of users with fewer than three events are for training.
    """

    def __call__(self, histories: Histories) -> HistorySplit:
        """Return the split."""
        ends = histories.offsets[1:]
        enough = (np.diff(histories.offsets) >= 3).astype(np.int64)
        if not enough.any():
            raise UserError(
                "No user has three interactions, one each for training, validation and test. Use "
                "data.split=global_time, or add interactions"
            )
        return HistorySplit(ends - 2 * enough, ends - enough)


@dataclass(frozen=True)
class GlobalTime:
    """The same two moments for all users, so that no training event is later than a test event (Ji et al. 2023).

    Events of the same time are in the same split.

    Args:
        val, test: fractions of all events for validation and test, the last ones in time.
    """

    val: float
    test: float

    def __post_init__(self) -> None:
        if not (0 < self.val < 1 and 0 < self.test < 1 and self.val + self.test < 1):
            raise UserError(
                f"data.val_fraction={self.val} and data.test_fraction={self.test} must be fractions with a sum below 1"
            )

    def __call__(self, histories: Histories) -> HistorySplit:
        """Return the split."""
        ordered = np.sort(histories.times)
        count = len(ordered)
        moments = ordered[int(count * (1 - self.val - self.test))], ordered[int(count * (1 - self.test))]
        ends = []
        for moment in moments:
            before = np.concatenate([[0], np.cumsum(histories.times < moment)])
            ends.append(histories.offsets[:-1] + before[histories.offsets[1:]] - before[histories.offsets[:-1]])
        split = HistorySplit(*ends)
        for name in ("train", "val", "test"):
            if len(split.targets(histories, name)) == 0:
                raise UserError(
                    f"data.split=global_time has no event for {name}. Use data.split=leave_one_out, or other values of "
                    "data.val_fraction and data.test_fraction"
                )
        return split

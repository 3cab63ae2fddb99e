"""Which events train, which select, which are measured once."""

# U users, N events

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from suite.data.cache import hash_arrays
from suite.errors import UserError
from tasks.recommender.histories import Histories


@dataclass(frozen=True)
class Parts:
    """Every user's events in time order: training up to ``train_ends``, validation up to ``val_ends``, then test."""

    train_ends: np.ndarray  # (U,) int64, places among all events
    val_ends: np.ndarray

    def targets(self, histories: Histories, split: str) -> np.ndarray:
        """The events of a split that have one before them, as places among all events; int64, in order."""
        starts, ends = histories.offsets[:-1], histories.offsets[1:]
        first, last = {
            "train": (starts + 1, self.train_ends),
            "val": (self.train_ends, self.val_ends),
            "test": (self.val_ends, ends),
        }[split]
        return ranges(np.maximum(first, starts + 1), last)

    def content_hash(self) -> str:
        """The same for the same split."""
        return hash_arrays({"train_ends": self.train_ends, "val_ends": self.val_ends})


class Splitter(Protocol):
    """Cuts histories into parts."""

    def __call__(self, histories: Histories) -> Parts:
        """Cut; raises UserError where a part would be empty."""
        ...


@dataclass(frozen=True)
class LeaveOneOut:
    """The last event of every user is for test, the one before for validation (Kang & McAuley 2018, section IV-A).

    Users with fewer than three events have nothing left out: all theirs train.
    """

    def __call__(self, histories: Histories) -> Parts:
        """Cut."""
        ends = histories.offsets[1:]
        enough = (np.diff(histories.offsets) >= 3).astype(np.int64)
        if not enough.any():
            raise UserError(
                "No user has three interactions, which leave-one-out needs: one each to train, select, test."
            )
        return Parts(ends - 2 * enough, ends - enough)


@dataclass(frozen=True)
class GlobalTime:
    """One moment for all users: the last ``test`` of all events are for test, the ``val`` before them for validation.

    Nothing of the future trains, as in use (Ji et al. 2023). Events at one moment stay on one side.
    """

    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (0 < self.val < 1 and 0 < self.test < 1 and self.val + self.test < 1):
            raise UserError(f"split val={self.val} and test={self.test} must be parts of 1 that leave some to train")

    def __call__(self, histories: Histories) -> Parts:
        """Cut."""
        ordered = np.sort(histories.times)
        count = len(ordered)
        moments = ordered[int(count * (1 - self.val - self.test))], ordered[int(count * (1 - self.test))]
        ends = []
        for moment in moments:
            before = np.concatenate([[0], np.cumsum(histories.times < moment)])
            ends.append(histories.offsets[:-1] + before[histories.offsets[1:]] - before[histories.offsets[:-1]])
        parts = Parts(*ends)
        for name in ("train", "val", "test"):
            if len(parts.targets(histories, name)) == 0:
                raise UserError(
                    f"A split by time leaves no event for {name}; use data.split=leave_one_out, or other fractions "
                    "in data.val_fraction and data.test_fraction."
                )
        return parts


def ranges(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """first[0], first[0] + 1, ..., last[0] - 1, first[1], ...: all ranges in one array, empty where last <= first."""
    counts = np.maximum(last - first, 0)
    begins = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(first - begins, counts)

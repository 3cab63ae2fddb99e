"""Batches of histories, built with array operations."""

# B sequences, L events of the longest, U users, N events

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from suite.data.ranges import concatenate_ranges
from tasks.recommender.histories import Histories
from tasks.recommender.split import HistorySplit


@dataclass
class HistoryBatch:
    """Windows of histories, padded at the end with item 0.

    In training ``targets`` is None, and each event of a window may be a target. In evaluation ``targets`` are the
    events after the windows, and ``seen`` the rows (of B) and items of all events before the targets, those before the
    window included.
    """

    items: Tensor  # (B, L) int64
    lengths: Tensor  # (B,) int64
    users: Tensor  # (B,) int64, from 1; 0 is an unknown user
    liked: Tensor  # (B, L) bool
    targets: Tensor | None = None  # (B,) int64
    targets_liked: Tensor | None = None  # (B,) bool
    seen: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device | str, **_: object) -> "HistoryBatch":
        """The batch on another device."""

        def move(x: Tensor | None) -> Tensor | None:
            return None if x is None else x.to(device)

        return HistoryBatch(
            self.items.to(device),
            self.lengths.to(device),
            self.users.to(device),
            self.liked.to(device),
            move(self.targets),
            move(self.targets_liked),
            None if self.seen is None else (self.seen[0].to(device), self.seen[1].to(device)),
        )


class Windows:
    """Reads windows of events from the flat arrays of histories.

    Args:
        histories: all events.
        like_from: lowest rating of a liked event; events without a rating count as liked.
    """

    def __init__(self, histories: Histories, like_from: float) -> None:
        self.items = torch.from_numpy(histories.items)
        with np.errstate(invalid="ignore"):
            self.liked = torch.from_numpy(~(histories.ratings < like_from))  # NaN counts as liked

    def read(self, first: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Items and likes (B, L) of ``lengths`` events from ``first`` on, padded with 0 and False."""
        step = torch.arange(int(lengths.max()))
        real = step < lengths[:, None]
        place = (first[:, None] + step).clamp_(max=len(self.items) - 1)
        return self.items[place].mul_(real), self.liked[place].logical_and_(real)


class TrainingWindows:
    """Training batches: windows in which every training event but a user's first is a target once per epoch.

    A history of n events has n - 1 targets. A causal network predicts all targets of a window in one forward pass. The
    borders are drawn again in each epoch: the first is uniform in 1..max_length, the others follow at a distance of
    ``max_length``, so that no event is always near the start of a window, where it sees few events. Windows of similar
    length share a batch. The number of batches is the same in each epoch, as schedules need it.

    Args:
        windows: reads the events.
        histories, split: all events, and which of them are for training.
        max_length: targets in a window.
        positions: approximate number of events in a batch, padding included.
    """

    def __init__(
        self, windows: Windows, histories: Histories, split: HistorySplit, max_length: int, positions: int
    ) -> None:
        counts = split.train_ends - histories.offsets[:-1] - 1  # targets of each user
        users = np.flatnonzero(counts > 0)
        self.windows, self.max_length, self.positions = windows, max_length, positions
        self.users = torch.from_numpy(users)
        self.starts = torch.from_numpy(histories.offsets[users])
        self.counts = torch.from_numpy(counts[users])
        mean_windows = 1.0 + (counts[users] - 1).clip(min=0) / max_length  # per user; the first border is uniform
        self.number = max(1, min(len(users), round((counts.sum() + mean_windows.sum()) / positions)))

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[HistoryBatch]:
        owner, first, lengths = self._windows()
        batches = self._group(lengths)
        for place in torch.randperm(len(batches)).tolist():
            chosen = batches[place]
            items, liked = self.windows.read(first[chosen], lengths[chosen])
            yield HistoryBatch(items, lengths[chosen], self.users[owner[chosen]] + 1, liked)

    def _windows(self) -> tuple[Tensor, Tensor, Tensor]:
        """The user, the first event and the number of events of each window."""
        drawn = torch.randint(1, self.max_length + 1, self.counts.shape)
        head = torch.where(self.counts > self.max_length, drawn, self.counts)
        number = 1 + (self.counts - head + self.max_length - 1).div(self.max_length, rounding_mode="floor")
        owner = torch.repeat_interleave(number)
        place = torch.arange(len(owner)) - (number.cumsum(0) - number)[owner]  # 0, 1, ... within a user
        begin = (head[owner] + (place - 1) * self.max_length).clamp(min=0)
        end = torch.minimum(head[owner] + place * self.max_length, self.counts[owner])
        return owner, self.starts[owner] + begin, end - begin + 1  # starts with the event before the first target

    def _group(self, lengths: Tensor) -> list[Tensor]:
        """The windows of each batch: sorted by length, longest first, in random order among equal lengths."""
        shuffled = torch.randperm(len(lengths))
        order = shuffled[lengths[shuffled].argsort(descending=True, stable=True)]
        events = lengths[order].cumsum(0)
        step = torch.arange(1, self.number)
        cuts = torch.searchsorted(events, step * events[-1].double() / self.number)
        cuts = (cuts - step).clamp(min=0).cummax(0).values + step if len(cuts) else cuts  # no batch is empty
        return list(order.tensor_split(torch.minimum(cuts, len(order) - self.number + step)))


class EvaluationHistories:
    """Evaluation batches: each event of a split with up to ``max_length`` events before it, sorted by length.

    Args:
        windows: reads the events.
        histories, events: all events, and their split.
        split: train | val | test.
        max_length: events before a target.
        positions: approximate number of events in a batch, padding included.
    """

    def __init__(
        self, windows: Windows, histories: Histories, events: HistorySplit, split: str, max_length: int, positions: int
    ) -> None:
        targets = events.targets(histories, split)
        owner = histories.users[targets]
        starts = histories.offsets[owner]
        lengths = np.minimum(targets - starts, max_length)
        order = np.argsort(-lengths, kind="stable")
        self.windows, self.max_length = windows, max_length
        self.targets, self.owner, self.starts = targets[order], owner[order], starts[order]
        self.lengths = lengths[order]
        self.begins = [0, *accumulate(batch_sizes(self.lengths.tolist(), positions))]

    def __len__(self) -> int:
        return len(self.begins) - 1

    def __iter__(self) -> Iterator[HistoryBatch]:
        for begin, end in zip(self.begins[:-1], self.begins[1:], strict=True):
            chosen = slice(begin, end)
            targets, starts = self.targets[chosen], self.starts[chosen]
            lengths = torch.from_numpy(self.lengths[chosen])
            items, liked = self.windows.read(torch.from_numpy(targets) - lengths, lengths)
            rows = np.repeat(np.arange(len(targets)), targets - starts)
            seen = self.windows.items[torch.from_numpy(concatenate_ranges(starts, targets))]
            place = torch.from_numpy(targets)
            yield HistoryBatch(
                items,
                lengths,
                torch.from_numpy(self.owner[chosen]) + 1,
                liked,
                self.windows.items[place],
                self.windows.liked[place],
                (torch.from_numpy(rows), seen),
            )


def batch_sizes(lengths: list[int], positions: int) -> list[int]:
    """The number of sequences in each batch of about ``positions`` events, padding included; longest first."""
    sizes, done = [], 0
    while done < len(lengths):
        sizes.append(min(max(1, positions // lengths[done]), len(lengths) - done))
        done += sizes[-1]
    return sizes

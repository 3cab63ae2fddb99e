"""Batches of histories, cut and padded by array operations."""

# B sequences, L events of the longest, U users, N events

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from tasks.recommender.histories import Histories
from tasks.recommender.split import Parts, ranges


@dataclass(frozen=True)
class HistoryBatch:
    """Pieces of histories, padded behind with item 0.

    For training ``targets`` is None: every event of a piece may be one. For measuring, ``targets`` are what came after
    each piece, and ``seen`` the rows (of B) and items of everything before it, however long ago.
    """

    items: Tensor  # (B, L) int64
    lengths: Tensor  # (B,) int64
    users: Tensor  # (B,) int64, from 1; 0 is nobody we know
    liked: Tensor  # (B, L) bool
    targets: Tensor | None = None  # (B,) int64
    targets_liked: Tensor | None = None  # (B,) bool
    seen: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device | str, **_: object) -> "HistoryBatch":
        """The same batch on another device."""

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


class Pieces:
    """Cuts pieces out of the flat arrays."""

    def __init__(self, histories: Histories, like_from: float) -> None:
        self.items = torch.from_numpy(histories.items)
        with np.errstate(invalid="ignore"):
            self.liked = torch.from_numpy(~(histories.ratings < like_from))  # unknown counts as liked

    def cut(self, first: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Items and likes (B, L) of the events from ``first`` on; 0 and False behind the end."""
        step = torch.arange(int(lengths.max()))
        real = step < lengths[:, None]
        place = (first[:, None] + step).clamp_(max=len(self.items) - 1)
        return self.items[place].mul_(real), self.liked[place].logical_and_(real)


class TrainingWindows:
    """Every training event that has one before it is a target once an epoch, in windows whose borders are redrawn.

    A history of n events has n - 1 targets; those of a window share one pass of a causal network. The first border is
    uniform in 1..max_length, the others follow ``max_length`` apart, so that no event always stands where little of
    its past is visible. Windows of like length go together; a batch holds about ``positions`` events with its padding.
    Every epoch has the same number of batches, however the borders fall, so that a schedule knows its length.
    """

    def __init__(self, pieces: Pieces, histories: Histories, parts: Parts, max_length: int, positions: int) -> None:
        counts = parts.train_ends - histories.offsets[:-1] - 1  # targets of each user
        users = np.flatnonzero(counts > 0)
        self.pieces, self.max_length, self.positions = pieces, max_length, positions
        self.users = torch.from_numpy(users)
        self.starts = torch.from_numpy(histories.offsets[users])
        self.counts = torch.from_numpy(counts[users])
        mean_windows = 1.0 + (counts[users] - 1).clip(min=0) / max_length  # of a user; the first border is uniform
        self.number = max(1, min(len(users), round((counts.sum() + mean_windows.sum()) / positions)))

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[HistoryBatch]:
        owner, first, lengths = self._windows()
        batches = self._deal(lengths)
        for place in torch.randperm(len(batches)).tolist():
            chosen = batches[place]
            items, liked = self.pieces.cut(first[chosen], lengths[chosen])
            yield HistoryBatch(items, lengths[chosen], self.users[owner[chosen]] + 1, liked)

    def _windows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Owner, first event and number of events of every window."""
        drawn = torch.randint(1, self.max_length + 1, self.counts.shape)
        head = torch.where(self.counts > self.max_length, drawn, self.counts)
        number = 1 + (self.counts - head + self.max_length - 1).div(self.max_length, rounding_mode="floor")
        owner = torch.repeat_interleave(number)
        place = torch.arange(len(owner)) - (number.cumsum(0) - number)[owner]  # 0, 1, ... within its owner
        begin = (head[owner] + (place - 1) * self.max_length).clamp(min=0)
        end = torch.minimum(head[owner] + place * self.max_length, self.counts[owner])
        return owner, self.starts[owner] + begin, end - begin + 1  # the event before the first target leads

    def _deal(self, lengths: Tensor) -> list[Tensor]:
        """Numbers of windows, batch by batch: in random order among equals, longest first, as many events in each."""
        shuffled = torch.randperm(len(lengths))
        order = shuffled[lengths[shuffled].argsort(descending=True, stable=True)]
        events = lengths[order].cumsum(0)
        step = torch.arange(1, self.number)
        cuts = torch.searchsorted(events, step * events[-1].double() / self.number)
        cuts = (cuts - step).clamp(min=0).cummax(0).values + step if len(cuts) else cuts  # no batch is empty
        return list(order.tensor_split(torch.minimum(cuts, len(order) - self.number + step)))


class EvaluationHistories:
    """Every event of a split, after the ``max_length`` events before it; in batches of like length."""

    def __init__(
        self, pieces: Pieces, histories: Histories, parts: Parts, split: str, max_length: int, positions: int
    ) -> None:
        targets = parts.targets(histories, split)
        owner = histories.users[targets]
        starts = histories.offsets[owner]
        lengths = np.minimum(targets - starts, max_length)
        order = np.argsort(-lengths, kind="stable")
        self.pieces, self.max_length = pieces, max_length
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
            items, liked = self.pieces.cut(torch.from_numpy(targets) - lengths, lengths)
            rows = np.repeat(np.arange(len(targets)), targets - starts)
            seen = self.pieces.items[torch.from_numpy(ranges(starts, targets))]
            place = torch.from_numpy(targets)
            yield HistoryBatch(
                items,
                lengths,
                torch.from_numpy(self.owner[chosen]) + 1,
                liked,
                self.pieces.items[place],
                self.pieces.liked[place],
                (torch.from_numpy(rows), seen),
            )


def batch_sizes(lengths: list[int], positions: int) -> list[int]:
    """How many of the sequences, longest first, fill a batch of about ``positions`` events with its padding."""
    sizes, done = [], 0
    while done < len(lengths):
        sizes.append(min(max(1, positions // lengths[done]), len(lengths) - done))
        done += sizes[-1]
    return sizes

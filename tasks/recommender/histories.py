"""Histories of users as flat arrays: which user met which item, in time order."""

# U users, I items, N events, G genres

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from suite.data.cache import hash_arrays
from suite.data.class_names import sort_names
from suite.data.identity import digests
from suite.data.ranges import concatenate_ranges
from suite.errors import UserError


@dataclass(frozen=True)
class Histories:
    """Events of all users, sorted by user, then time. Items are numbered from 1; 0 is padding.

    Args:
        offsets: (U + 1,) int64; the events of user u are ``offsets[u]`` to ``offsets[u + 1]``.
        items: (N,) int64 in 1..I.
        times: (N,) float64; the row number if the file has no times.
        ratings: (N,) float32, NaN where unknown.
        user_ids: (U,) ids in the file.
        item_ids: (I,) ids in the file, of items 1..I.
        titles: (I,) texts, or empty.
        genres: (I,) tuples of genre numbers, or empty.
        traits: (U,) tuples of texts such as age group and occupation, or empty.
        dropped: number of removed rows by reason.
    """

    offsets: np.ndarray
    items: np.ndarray
    times: np.ndarray
    ratings: np.ndarray
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    titles: tuple[str, ...] = ()
    genres: tuple[tuple[int, ...], ...] = ()
    traits: tuple[tuple[str, ...], ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_events(
        cls,
        users: Sequence[str] | np.ndarray,
        items: Sequence[str] | np.ndarray,
        times: np.ndarray | None = None,
        ratings: np.ndarray | None = None,
        dropped: dict[str, int] | None = None,
    ) -> "Histories":
        """Sort events by user, then time; events of the same time, or without times, keep the order of the file.

        Users and items are numbered in the order of their ids, which are sorted as numbers if all are numbers. A row
        with the same user, item and time as an earlier row is removed. Raises UserError if no event is left.
        """
        if len(users) == 0:
            raise UserError("No interaction is left. Lower data.min_rating or data.min_events, or check the file.")
        user_ids, user = _number(np.asarray(users, dtype=str))
        item_ids, item = _number(np.asarray(items, dtype=str))
        time = np.arange(len(user), dtype=np.float64) if times is None else np.asarray(times, dtype=np.float64)
        rating = np.full(len(user), np.nan, np.float32) if ratings is None else np.asarray(ratings, dtype=np.float32)
        order = np.lexsort((np.arange(len(user)), time, user))
        user, item, time, rating = user[order], item[order], time[order], rating[order]
        _, first = np.unique(np.stack([user, item, time]), axis=1, return_index=True)
        kept = np.sort(first)
        gone = dict(dropped or {}) | {"duplicates": len(user) - len(kept)}
        user, item, time, rating = user[kept], item[kept], time[kept], rating[kept]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=len(user_ids)))]).astype(np.int64)
        return cls(offsets, item.astype(np.int64) + 1, time, rating, user_ids, item_ids, dropped=gone)

    @property
    def num_users(self) -> int:
        """The number of users, U."""
        return len(self.offsets) - 1

    @property
    def num_items(self) -> int:
        """The number of items, I, without padding."""
        return len(self.item_ids)

    @property
    def users(self) -> np.ndarray:
        """The user of each event, (N,)."""
        return np.repeat(np.arange(self.num_users), np.diff(self.offsets))

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        """Return names and contents for a ``SampleRecord``: of each user the id, and items and ratings in order."""
        items = digests(self.item_ids)[self.items - 1]
        spans = [slice(a, b) for a, b in pairwise(self.offsets.tolist())]
        contents = digests((items[span].tobytes(), self.ratings[span].tobytes()) for span in spans)
        return digests(self.user_ids), contents

    def only(self, users: np.ndarray, user_ids: Sequence[str], item_ids: Sequence[str]) -> "Histories":
        """Return the histories of some users, numbered as in ``user_ids`` and ``item_ids``; other users have none.

        Args:
            users: numbers of the users, whose ids and items are among ``user_ids`` and ``item_ids``.
        """
        number_of = {name: number for number, name in enumerate(item_ids, start=1)}
        numbers = np.array([0, *(number_of.get(name, 0) for name in self.item_ids)], dtype=np.int64)
        place = {name: number for number, name in enumerate(user_ids)}
        order = sorted(users.tolist(), key=lambda user: place[self.user_ids[user]])
        events = concatenate_ranges(self.offsets[order], self.offsets[np.array(order, dtype=np.int64) + 1])
        counts = np.zeros(len(user_ids), dtype=np.int64)
        counts[[place[self.user_ids[user]] for user in order]] = np.diff(self.offsets)[order]
        return replace(
            self,
            offsets=np.concatenate([[0], np.cumsum(counts)]),
            items=numbers[self.items[events]],
            times=self.times[events],
            ratings=self.ratings[events],
            user_ids=tuple(user_ids),
            item_ids=tuple(item_ids),
        )

    def content_hash(self) -> str:
        """SHA-256 of the content; equal for equal histories, independent of their file format."""
        texts = {"users": self.user_ids, "item_ids": self.item_ids, "titles": self.titles, "traits": self.traits}
        arrays: dict[str, Any] = {name: np.frombuffer(repr(text).encode(), np.uint8) for name, text in texts.items()}
        arrays["genres"] = np.frombuffer(repr(self.genres).encode(), np.uint8)
        named = {name: getattr(self, name) for name in ("offsets", "items", "times", "ratings")}
        return hash_arrays(arrays | named)


def k_core(users: np.ndarray, items: np.ndarray, least: int) -> np.ndarray:
    """Return the rows of the k-core, bool (N,): users and items with fewer than ``least`` are removed repeatedly."""
    keep = np.ones(len(users), dtype=bool)
    user, item = _number(users)[1], _number(items)[1]
    while True:
        by_user = np.bincount(user[keep], minlength=user.max(initial=0) + 1)
        by_item = np.bincount(item[keep], minlength=item.max(initial=0) + 1)
        fewer = keep & (by_user[user] >= least) & (by_item[item] >= least)
        if fewer.sum() == keep.sum():
            return keep
        keep = fewer


def _number(ids: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the sorted distinct ids, and the number of each id among them."""
    names, place = np.unique(ids, return_inverse=True)
    number = {name: n for n, name in enumerate(sort_names(names.tolist()))}
    numbers = np.array([number[name] for name in names.tolist()], dtype=np.int64)
    return tuple(number), numbers[place.reshape(-1)]

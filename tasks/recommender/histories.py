"""Histories of users as flat arrays: who met which item, in order."""

# U users, I items, N events, G genres

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from suite.data.cache import hash_arrays
from suite.errors import UserError


@dataclass(frozen=True)
class Histories:
    """Events of all users, user after user, each user's in time order.

    User u owns events ``offsets[u]`` to ``offsets[u + 1]``. Items count from 1; 0 is padding and no item.
    """

    offsets: np.ndarray  # (U + 1,) int64
    items: np.ndarray  # (N,) int64, in 1..I
    times: np.ndarray  # (N,) float64; the place in the file where it tells no time
    ratings: np.ndarray  # (N,) float32, NaN where unknown
    user_ids: tuple[str, ...]  # (U,) as the file calls them
    item_ids: tuple[str, ...]  # (I,), of items 1..I
    titles: tuple[str, ...] = ()  # (I,), or none
    genres: tuple[tuple[int, ...], ...] = ()  # (I,) tuples of numbers of genres, or none
    traits: tuple[tuple[str, ...], ...] = ()  # (U,) of strings: what is known of each user, or none
    dropped: dict[str, int] = field(default_factory=dict)  # how many rows went, by reason

    @classmethod
    def from_events(
        cls,
        users: Sequence[str] | np.ndarray,
        items: Sequence[str] | np.ndarray,
        times: np.ndarray | None = None,
        ratings: np.ndarray | None = None,
        dropped: dict[str, int] | None = None,
    ) -> "Histories":
        """Sort events by user, then time; equal times keep the order of the file, and so does a file without times.

        Users and items are numbered in the order of their ids (as numbers, where all are). A row that says the same
        as an earlier one (user, item and time) is dropped; the same item at another time is a repeat and stays.
        Raises UserError where no event is left.
        """
        if len(users) == 0:
            raise UserError(
                "No interaction is left to learn from. Lower data.min_rating, data.min_events, or see the file."
            )
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
        """How many users there are."""
        return len(self.offsets) - 1

    @property
    def num_items(self) -> int:
        """How many items there are, without padding."""
        return len(self.item_ids)

    @property
    def users(self) -> np.ndarray:
        """The user of every event, (N,)."""
        return np.repeat(np.arange(self.num_users), np.diff(self.offsets))

    def content_hash(self) -> str:
        """The same for the same histories, wherever their files came from."""
        texts = {"users": self.user_ids, "item_ids": self.item_ids, "titles": self.titles, "traits": self.traits}
        arrays: dict[str, Any] = {name: np.frombuffer(repr(text).encode(), np.uint8) for name, text in texts.items()}
        arrays["genres"] = np.frombuffer(repr(self.genres).encode(), np.uint8)
        named = {name: getattr(self, name) for name in ("offsets", "items", "times", "ratings")}
        return hash_arrays(arrays | named)


def k_core(users: np.ndarray, items: np.ndarray, least: int) -> np.ndarray:
    """Which rows (N,) bool remain when users and items with fewer than ``least`` rows go, again and again."""
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
    """The distinct ids in order, and the place of every one in it."""
    names, place = np.unique(ids, return_inverse=True)
    place = place.reshape(-1)
    if all(name.isdecimal() for name in names.tolist()):
        order = np.argsort([int(name) for name in names.tolist()], kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        names, place = names[order], rank[place]
    return tuple(names.tolist()), place

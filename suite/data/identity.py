"""Which sample was in which split, by name and content, so that a checkpoint recognises the data it was trained on."""

# N samples

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from suite.data.splits import SPLITS, Split

BITS = {name: np.uint8(1 << place) for place, name in enumerate(SPLITS)}
ODD = np.uint64(0x9E3779B97F4A7C15)


def digest(*parts: bytes | str) -> int:
    """64-bit BLAKE2b of the parts, each with its length, so that ("ab", "c") and ("a", "bc") differ."""
    hashed = hashlib.blake2b(digest_size=8)
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hashed.update(len(content).to_bytes(8, "little") + content)
    return int.from_bytes(hashed.digest(), "little", signed=True)


def digests(samples: Iterable[bytes | str | tuple[bytes | str, ...]]) -> np.ndarray:
    """``digest`` of each sample, int64 (N,)."""
    parts = (sample if isinstance(sample, tuple) else (sample,) for sample in samples)
    return np.fromiter((digest(*sample) for sample in parts), dtype=np.int64)


@dataclass(frozen=True)
class DataChanges:
    """How data differ from those of a checkpoint: counts of samples, and what else is different.

    ``renamed`` samples have a new name and an old content, ``altered`` ones the reverse. ``reordered``: the same
    samples in another order. ``split``: the same samples in other splits. ``other``: the content hash differs although
    all samples are equal, for example since the edges of a graph changed.
    """

    added: int = 0
    removed: int = 0
    altered: int = 0
    renamed: int = 0
    reordered: bool = False
    split: bool = False
    other: bool = False

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        counts = ((name, getattr(self, name)) for name in ("added", "removed", "altered", "renamed"))
        changes = [f"{count} {'sample' if count == 1 else 'samples'} {name}" for name, count in counts if count]
        if self.reordered:
            changes.append("the order of the samples changed")
        if self.split:
            changes.append("the split is drawn differently")
        if self.other:
            changes.append("the samples are the same, but other content changed (for example the edges of a graph)")
        return ", ".join(changes) or "no change"


@dataclass(frozen=True, eq=False)
class SampleRecord:
    """Names, contents and splits of all samples; each checkpoint holds one.

    Args:
        names: int64 (N,), a digest of the name of each sample, such as its id in the files or its path. Where files
            give no name, the digest of the content. Equal names are distinguished by their order.
        contents: int64 (N,), a digest of what a sample holds, its label included.
        split: the samples of each split.
        content_hash: SHA-256 of all content.
        split_hash: SHA-256 of the split, which may be finer than samples: of a user's history, some events train and
            others test.
    """

    names: np.ndarray
    contents: np.ndarray
    split: Split
    content_hash: str
    split_hash: str

    @cached_property
    def memberships(self) -> np.ndarray:
        """uint8 (N,): bit 0 for train, bit 1 for val, bit 2 for test; a sample may be in several or none."""
        member = np.zeros(len(self.names), dtype=np.uint8)
        for name, items in zip(SPLITS, self.split, strict=True):
            member[items] |= BITS[name]
        return member

    def state_dict(self) -> dict[str, Any]:
        """Tensors and a text, which a checkpoint can hold without pickled objects."""
        return {
            "names": torch.from_numpy(self.names.astype(np.int64)),
            "contents": torch.from_numpy(self.contents.astype(np.int64)),
            "memberships": torch.from_numpy(self.memberships),
            "content_hash": self.content_hash,
            "split_hash": self.split_hash,
        }

    @classmethod
    def from_state_dict(cls, state: Any) -> "SampleRecord":
        """Return the record of a checkpoint. Raises ValueError for anything else."""
        _check_state(state)
        member = state["memberships"].numpy()
        split = Split(*(np.flatnonzero(member & BITS[name]) for name in SPLITS))
        return cls(
            state["names"].numpy(),
            state["contents"].numpy(),
            split,
            str(state["content_hash"]),
            str(state["split_hash"]),
        )

    def changes(self, now: "SampleRecord") -> DataChanges:
        """Compare the data of now with this record."""
        if np.array_equal(self.contents, now.contents):  # whatever their names: a folder may have been moved
            return DataChanges(
                split=self.split_hash != now.split_hash or not np.array_equal(self.memberships, now.memberships),
                other=self.content_hash != now.content_hash,
            )
        match = self._match(now)
        counts = DataChanges(
            added=int((match.position < 0).sum()),
            removed=len(self.names) - int((match.position >= 0).sum()),
            altered=int(match.altered.sum()),
            renamed=int((match.position >= 0).sum()) - int(match.by_name.sum()),
        )
        return counts or DataChanges(reordered=True)

    def unchanged(self, now: "SampleRecord") -> np.ndarray:
        """Return which samples of now are recorded with the same content, bool (N,)."""
        match = self._match(now)
        return (match.position >= 0) & ~match.altered

    def split_of(self, now: "SampleRecord") -> Split:
        """Return the recorded split for the data of now.

        A sample that is not recorded is in no split: it may belong to a group, such as a patient, that was trained on.
        An altered sample whose new content was trained on is in no split either.
        """
        match = self._match(now)
        member = np.zeros(len(now.names), dtype=np.uint8)
        known = match.position >= 0
        member[known] = self.memberships[match.position[known]]
        trained = self.contents[(self.memberships & BITS["train"]) > 0]
        member[match.altered & np.isin(now.contents, trained) & ((member & BITS["train"]) == 0)] = 0
        return Split(*(np.flatnonzero(member & BITS[name]) for name in SPLITS))

    def _match(self, now: "SampleRecord") -> "_Match":
        """Find each sample of now in this record, first by name, then by content."""
        position = _positions(_distinct(self.names), _distinct(now.names))
        by_name = position >= 0
        altered = np.zeros(len(position), dtype=bool)
        altered[by_name] = self.contents[position[by_name]] != now.contents[by_name]
        open_now = np.flatnonzero(~by_name)
        open_then = np.setdiff1d(np.arange(len(self.names)), position)
        found = _positions(_distinct(self.contents[open_then]), _distinct(now.contents[open_now]))
        position[open_now[found >= 0]] = open_then[found[found >= 0]]
        return _Match(position, by_name, altered)


class _Match(NamedTuple):
    """For each sample of now, (N,): its position in a record or -1, whether its name is known, whether it is altered.

    A sample that is found by its content is not altered.
    """

    position: np.ndarray
    by_name: np.ndarray
    altered: np.ndarray


def _check_state(state: Any) -> None:
    """Raise ValueError for a state that ``SampleRecord.state_dict`` does not return; a file can hold anything."""
    types = {"names": torch.int64, "contents": torch.int64, "memberships": torch.uint8}
    found = state if isinstance(state, Mapping) else {}
    lengths: set[int] = set()
    for name, kind in types.items():
        array = found.get(name)
        if not isinstance(array, torch.Tensor) or array.dim() != 1 or array.dtype != kind:
            raise ValueError("its record of samples is damaged")
        lengths.add(len(array))
    if len(lengths) > 1 or not all(isinstance(found.get(name), str) for name in ("content_hash", "split_hash")):
        raise ValueError("its record of samples is damaged")


def _distinct(values: np.ndarray) -> np.ndarray:
    """Return distinct uint64 values: the k-th occurrence of an equal value is shifted by k odd steps."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(values) else np.zeros(0, dtype=bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))
    occurrence = np.empty(len(values), dtype=np.uint64)
    occurrence[order] = np.arange(len(values)) - starts
    return values.astype(np.int64).view(np.uint64) + occurrence * ODD


def _positions(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Position in ``known`` of each of ``wanted``, -1 where it is missing."""
    if not len(known):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)
    found = order[place]
    return np.where(known[found] == wanted, found, -1)

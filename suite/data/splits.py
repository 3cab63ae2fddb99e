"""Seeded splits of labelled items into training, validation and test items."""

# N items

import hashlib
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from suite.data import draws
from suite.errors import UserError

SPLITS = ("train", "val", "test")


class Split(NamedTuple):
    """Sorted, disjoint int64 indices of the items of each split."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def hash(self) -> str:
        """SHA-256 over the three arrays, each as its length and its items in little-endian int64."""
        digest = hashlib.sha256(b"parts 1")
        for items in self:
            digest.update(np.array(len(items), dtype="<i8").tobytes() + items.astype("<i8").tobytes())
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        """Number of items of each split, as ``num_train``, ``num_val`` and ``num_test``, for the provenance."""
        return {f"num_{name}": len(items) for name, items in zip(self._fields, self, strict=True)}


def parse_split(cell: str, place: str) -> str:
    """Return the name of a split from a file: train, val, test, or empty. Raises UserError for another name."""
    if cell and cell not in SPLITS:
        raise UserError(f"{place}: the split {cell!r} must be one of {', '.join(SPLITS)}")
    return cell


@dataclass(frozen=True)
class FractionSplit:
    """Base of splits that keep what the files state and draw the rest; a subclass draws.

    An item without a stated split is a training item. If the files state no test item, ``test_fraction`` of the
    training items become test items; if they state no validation item, ``val_fraction`` of the remaining training
    items become validation items. With ``folds``, the test items are those of fold number ``fold``, whatever the files
    state.

    Args:
        val_fraction: fraction of the training items, between 0 and 1.
        test_fraction: fraction of all items, between 0 and 1.
        folds: number of folds of a cross-validation; None for a single split.
        fold: number of the fold that is tested, from 0.
        seed: of the draw. The same items and seed give the same split on every machine.

    Raises UserError for a value out of range.
    """

    val_fraction: float
    test_fraction: float
    folds: int | None = None
    fold: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, fraction in (("val_fraction", self.val_fraction), ("test_fraction", self.test_fraction)):
            if not 0 < fraction < 1:
                raise UserError(f"data.{name} must be between 0 and 1, for example 0.1, got {fraction}")
        if self.folds is not None and not (self.folds >= 2 and 0 <= self.fold < self.folds):
            raise UserError(
                f"data.folds must be at least 2 and data.fold from 0 to data.folds - 1, "
                f"got {self.folds} and {self.fold}"
            )

    def __call__(self, labels: np.ndarray, stated: np.ndarray, groups: np.ndarray) -> Split:
        """Split N items.

        Args:
            labels: class of each item (N,), of any type.
            stated: what the files state for each item (N,): train, val, test, or empty.
            groups: group of each item (N,), such as patient or speaker; what it means depends on the subclass.

        Raises UserError if a split has no item.
        """
        random = np.random.RandomState(self.seed)  # NumPy guarantees that its stream never changes
        split = np.where(stated == "", "train", stated).astype("<U5")
        if self.folds is not None:
            fold = self._assign_folds(labels, groups, self.folds, random)
            split = np.where(fold == self.fold, "test", "train")
        elif not (split == "test").any():
            self._move(split, "test", labels, groups, random)
        if not (split == "val").any():
            self._move(split, "val", labels, groups, random)
        self._check(split, groups)
        result = Split(*(np.flatnonzero(split == name) for name in SPLITS))
        for name, items in zip(SPLITS, result, strict=True):
            if not len(items):
                raise UserError(
                    f"The {name} split is empty: {len(split)} items in {len(np.unique(groups))} groups are not enough "
                    f"for data.val_fraction={self.val_fraction} and data.test_fraction={self.test_fraction}. "
                    "Add data, or set other fractions"
                )
        return result

    def _move(
        self, split: np.ndarray, name: str, labels: np.ndarray, groups: np.ndarray, random: np.random.RandomState
    ) -> None:
        """Move the fraction of the training items to the split ``name``, in place."""
        free = np.flatnonzero(split == "train")
        if len(free):
            fraction = self.test_fraction if name == "test" else self.val_fraction
            split[free[self._draw(name, fraction, labels[free], groups[free], random)]] = name

    def _draw(
        self, name: str, fraction: float, labels: np.ndarray, groups: np.ndarray, random: np.random.RandomState
    ) -> np.ndarray:
        """Return indices or a mask of the items that move to the split ``name``."""
        raise NotImplementedError

    def _assign_folds(
        self, labels: np.ndarray, groups: np.ndarray, folds: int, random: np.random.RandomState
    ) -> np.ndarray:
        """Return the fold of each item, (N,)."""
        raise NotImplementedError

    def _check(self, split: np.ndarray, groups: np.ndarray) -> None:
        """Raise UserError for a split that a subclass does not allow."""


class StratifiedSplit(FractionSplit):
    """Draws the same fraction of each class; validation items are drawn by whole groups if there are several groups.

    Use it for items that are independent of one another, such as documents. Groups, for example the film that a review
    is about, keep validation items apart from training items, without regard to classes.
    """

    def _draw(
        self, name: str, fraction: float, labels: np.ndarray, groups: np.ndarray, random: np.random.RandomState
    ) -> np.ndarray:
        if name == "val" and len(np.unique(groups)) > 1:
            return draws.whole_groups(groups, fraction, random)
        return draws.per_class(labels, fraction, random)

    def _assign_folds(
        self, labels: np.ndarray, groups: np.ndarray, folds: int, random: np.random.RandomState
    ) -> np.ndarray:
        return draws.stratified_folds(labels, folds, random)


class GroupedSplit(FractionSplit):
    """Draws whole groups, so that the proportions of the classes are as near as the groups allow.

    Use it where items of one group resemble each other, such as scans of one patient: no group is in two splits. Raises
    UserError where the files put a group into two splits. ``noun`` names a group in messages.
    """

    noun: ClassVar[str] = "group"

    def _draw(
        self, name: str, fraction: float, labels: np.ndarray, groups: np.ndarray, random: np.random.RandomState
    ) -> np.ndarray:
        return draws.grouped_shares(labels, groups, np.array([1 - fraction, fraction]), random) == 1

    def _assign_folds(
        self, labels: np.ndarray, groups: np.ndarray, folds: int, random: np.random.RandomState
    ) -> np.ndarray:
        return draws.grouped_shares(labels, groups, np.full(folds, 1 / folds), random)

    def _check(self, split: np.ndarray, groups: np.ndarray) -> None:
        names, group = np.unique(groups, return_inverse=True)
        present = np.stack([np.bincount(group[split == name], minlength=len(names)) > 0 for name in SPLITS])
        shared = np.flatnonzero(present.sum(axis=0) > 1)
        if len(shared):
            where = " and ".join(name for name, has in zip(SPLITS, present[:, shared[0]], strict=True) if has)
            raise UserError(
                f"The {self.noun} {names[shared[0]]} has items in {where}, and {len(shared) - 1} other {self.noun}s "
                "are in two splits too, so the test would measure memory. Move all items of a "
                f"{self.noun} into one split"
            )


class RandomGroupSplit(GroupedSplit):
    """Draws whole groups at random, without regard to labels; a group may be in two splits if the files say so.

    Use it for items without classes, such as utterances of speakers. Folds have about the same number of items.
    """

    def _draw(
        self, name: str, fraction: float, labels: np.ndarray, groups: np.ndarray, random: np.random.RandomState
    ) -> np.ndarray:
        return draws.whole_groups(groups, fraction, np.random.RandomState(self.seed))

    def _assign_folds(
        self, labels: np.ndarray, groups: np.ndarray, folds: int, random: np.random.RandomState
    ) -> np.ndarray:
        return super()._assign_folds(np.zeros(len(groups)), groups, folds, random)

    def _check(self, split: np.ndarray, groups: np.ndarray) -> None:
        pass

"""Seeded splits of labelled items into train, validation and test."""

# N items, C classes

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from suite.errors import UserError


class Parts(NamedTuple):
    """Sorted int64 indices of items, disjoint."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def hash(self) -> str:
        """SHA-256 over the three parts, as little-endian int64 behind their lengths."""
        digest = hashlib.sha256(b"parts 1")
        for part in self:
            digest.update(np.array(len(part), dtype="<i8").tobytes() + part.astype("<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class PartSplit:
    """Base of the splits by fractions or folds; a subclass defines how items are drawn.

    ``val_fraction`` is a fraction of the training items, ``test_fraction`` a fraction of all items. With ``folds`` the
    test split is fold number ``fold``. Raises UserError for an invalid fraction or fold.
    """

    val_fraction: float = 0.1
    test_fraction: float = 0.2
    folds: int | None = None
    fold: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, amount in (("val_fraction", self.val_fraction), ("test_fraction", self.test_fraction)):
            if not 0 < amount < 1:
                raise UserError(f"data.{name}={amount} is not a fraction; choose a number between 0 and 1, such as 0.1")
        if self.folds is not None and not (self.folds >= 2 and 0 <= self.fold < self.folds):
            raise UserError(f"data.fold={self.fold} of data.folds={self.folds} is not possible; folds count from 0")


@dataclass(frozen=True)
class StratifiedSplit:
    """Draw items for training from every class alike, then validation and test in the proportions of the classes.

    An integer counts items; a number below 1 is a fraction, of its class for ``train_per_class`` and of all labelled
    items for the other two. 20 a class, 500 and 1000 is the public split of Planetoid (Yang et al. 2016).
    """

    train_per_class: float = 20
    num_val: float = 500
    num_test: float = 1000
    seed: int = 0

    def __call__(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Split by ``labels`` (N,), -1 = unlabelled and in no part; returns sorted int64 indices of the three parts.

        The same labels and seed give the same split everywhere. Raises UserError where there are too few items.
        """
        random = np.random.RandomState(self.seed)  # the one generator whose stream NumPy promises never to change
        train, rest, quantiles = [], [], []
        for label in np.unique(labels[labels >= 0]):
            members = random.permutation(np.flatnonzero(labels == label))
            count = _count(self.train_per_class, len(members))
            if count < 1 or count > len(members):
                raise UserError(
                    f"Class {label} has {len(members)} labelled items, and train_per_class={self.train_per_class:g} "
                    f"asks for {count}. Set data.train_per_class to a number that fits, or to a fraction such as 0.6."
                )
            train.append(members[:count])
            rest.append(members[count:])
            quantiles.append((np.arange(len(members) - count) + 0.5) / max(len(members) - count, 1))
        if not train:
            raise UserError("No item has a label, so there is nothing to train on.")
        # In the order of the quantile within its class, every stretch holds the classes in proportion.
        remaining = np.concatenate(rest)[np.argsort(np.concatenate(quantiles), kind="stable")]
        num_labelled = int((labels >= 0).sum())
        num_val, num_test = _count(self.num_val, num_labelled), _count(self.num_test, num_labelled)
        if num_val < 1 or num_test < 1 or num_val + num_test > len(remaining):
            raise UserError(
                f"{len(remaining)} labelled items are left after training, and num_val={self.num_val:g} with "
                f"num_test={self.num_test:g} asks for {num_val} and {num_test}. Set data.num_val and data.num_test to "
                "numbers that fit, or to fractions such as 0.2."
            )
        parts = np.concatenate(train), remaining[:num_val], remaining[num_val : num_val + num_test]
        return tuple(np.sort(part).astype(np.int64) for part in parts)  # type: ignore[return-value]


def _count(amount: float, total: int) -> int:
    """A count, or a fraction of ``total`` rounded down, but at least one item of it."""
    return max(1, int(amount * total + 1e-9)) if 0 < amount < 1 else int(amount)

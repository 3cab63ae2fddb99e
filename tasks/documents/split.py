"""Which documents train, which validate, which are measured once at the end."""

# N documents

from dataclasses import dataclass

import numpy as np

from suite.data.splits import Parts, PartSplit
from suite.errors import UserError


@dataclass(frozen=True)
class DocumentSplit(PartSplit):
    """The split of the files where they state one; what they leave open is drawn, stratified by label, from ``seed``.

    ``val_fraction`` is the fraction of the training documents used for validation, ``test_fraction`` that of
    all documents used for testing, where the files name no such split. With ``folds`` the test split is fold number
    ``fold`` instead, whatever the files say. Documents of one group stay together in validation.
    """

    def __call__(self, labels: np.ndarray, parts: np.ndarray, groups: np.ndarray) -> Parts:
        """Split documents by their ``labels`` (N,), the ``parts`` (N,) that files name, and ``groups`` (N,)."""
        random = np.random.RandomState(self.seed)  # the one generator whose stream NumPy promises never to change
        if self.folds is not None:
            number = _deal(labels, self.folds, random)
            train, val, test = number != self.fold, np.zeros(len(labels), dtype=bool), number == self.fold
        else:
            train, val, test = parts == "train", parts == "val", parts == "test"
            train |= parts == ""
            if not test.any():
                chosen = _fraction(labels[train], self.test_fraction, random)
                test[np.flatnonzero(train)[chosen]] = True
                train &= ~test
        if not val.any():
            free = np.flatnonzero(train)
            if len(np.unique(groups[free])) > 1:
                chosen = _whole_groups(groups[free], self.val_fraction, random)
            else:
                chosen = _fraction(labels[free], self.val_fraction, random)
            val[free[chosen]] = True
            train &= ~val
        result = Parts(*(np.flatnonzero(part) for part in (train, val, test)))
        for name, part in zip(Parts._fields, result, strict=True):
            if not len(part):
                raise UserError(
                    f"The {name} part is empty: {len(labels)} documents do not suffice for "
                    f"data.val_fraction={self.val_fraction} and data.test_fraction={self.test_fraction}. "
                    "Give more documents, or other fractions"
                )
        return result


def _deal(labels: np.ndarray, folds: int, random: np.random.RandomState) -> np.ndarray:
    """A fold for every document, (N,): each class is shuffled and dealt like cards, going on where the last ended."""
    order = np.concatenate([random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    number = np.empty(len(labels), dtype=np.int64)
    number[order] = np.arange(len(labels)) % folds
    return number


def _fraction(labels: np.ndarray, amount: float, random: np.random.RandomState) -> np.ndarray:
    """A fraction of every class alike, (n,) indices."""
    chosen = []
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        chosen.append(members[: round(amount * len(members))])
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def _whole_groups(groups: np.ndarray, amount: float, random: np.random.RandomState) -> np.ndarray:
    """Whole groups until they hold the fraction, (n,) indices."""
    names, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = random.permutation(len(names))
    enough = int(np.searchsorted(np.cumsum(counts[order]), amount * len(groups))) + 1
    return np.flatnonzero(np.isin(number, order[:enough]))

"""Which patients train, which validate, which are measured once at the end."""

# N scans, P patients, C classes

from dataclasses import dataclass

import numpy as np

from suite.data.splits import Parts, PartSplit
from suite.errors import UserError


@dataclass(frozen=True)
class PatientSplit(PartSplit):
    """The split of the files where they state one; what they leave open is drawn by patient from ``seed``.

    ``val_fraction`` is the fraction of the training scans used for validation, ``test_fraction`` the fraction of all
    scans used for testing. With ``folds`` the test split is fold number ``fold`` instead, whatever the files say.
    Splits keep the proportions of the classes as far as whole patients allow.
    """

    def __call__(self, labels: np.ndarray, parts: np.ndarray, patients: np.ndarray) -> Parts:
        """Split scans by their ``labels`` (N,), the ``parts`` (N,) that files name, and ``patients`` (N,).

        Raises UserError for a patient in two parts and for a part without scans.
        """
        random = np.random.RandomState(self.seed)  # the one generator whose stream NumPy promises never to change
        chosen = np.where(parts == "", "train", parts)
        if self.folds is not None:
            dealt = deal_patients(labels, patients, np.full(self.folds, 1 / self.folds), random)
            chosen = np.where(dealt == self.fold, "test", "train")
        elif not (parts == "test").any():
            chosen = _draw(chosen, "test", self.test_fraction, labels, patients, random)
        if not (chosen == "val").any():
            chosen = _draw(chosen, "val", self.val_fraction, labels, patients, random)
        _refuse_overlap(chosen, patients)
        result = Parts(*(np.flatnonzero(chosen == name) for name in Parts._fields))
        for name, part in zip(Parts._fields, result, strict=True):
            if not len(part):
                raise UserError(
                    f"The {name} part is empty: {len(np.unique(patients))} patients do not suffice for "
                    f"data.val_fraction={self.val_fraction} and data.test_fraction={self.test_fraction}. "
                    "Give more patients, or other fractions"
                )
        return result


def deal_patients(
    labels: np.ndarray, patients: np.ndarray, shares: np.ndarray, random: np.random.RandomState
) -> np.ndarray:
    """A group for every scan, (N,): patients go whole to groups that hold about ``shares`` (G,) of every class.

    Greedy: patients with many scans first, each to the group that lacks most of its classes. Patients with as many
    scans come in random order; no group stays empty while there are patients.
    """
    names, number = np.unique(patients, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (number, label), 1)
    totals = counts.sum(0)
    needed = shares[:, None] * totals  # what each group still lacks of every class
    group = np.empty(len(names), dtype=np.int64)
    shuffled = random.permutation(len(names))
    empty = np.ones(len(shares), dtype=bool)
    for left, patient in zip(
        range(len(names), 0, -1), shuffled[np.argsort(-counts[shuffled].sum(1), kind="stable")], strict=True
    ):
        lack = (needed / totals * (counts[patient] > 0)).sum(1) + 1e-3 * needed.sum(1) / totals.sum()
        open_to = empty if left <= empty.sum() else np.ones_like(empty)
        group[patient] = int(np.where(open_to, lack, -np.inf).argmax())
        needed[group[patient]] -= counts[patient]
        empty[group[patient]] = False
    return group[number]


def _draw(
    chosen: np.ndarray,
    name: str,
    amount: float,
    labels: np.ndarray,
    patients: np.ndarray,
    random: np.random.RandomState,
) -> np.ndarray:
    """The same parts, with a fraction of the training patients in the part ``name``."""
    free = np.flatnonzero(chosen == "train")
    if not len(free):
        return chosen
    dealt = deal_patients(labels[free], patients[free], np.array([1 - amount, amount]), random)
    result = chosen.astype(object)
    result[free[dealt == 1]] = name
    return result.astype(str)


def _refuse_overlap(chosen: np.ndarray, patients: np.ndarray) -> None:
    names, number = np.unique(patients, return_inverse=True)
    parts, part = np.unique(chosen, return_inverse=True)
    where = np.zeros((len(names), len(parts)), dtype=bool)
    where[number, part] = True
    both = np.flatnonzero(where.sum(1) > 1)
    if len(both):
        told = " and ".join(str(parts[place]) for place in np.flatnonzero(where[both[0]]))
        raise UserError(
            f"patient {names[both[0]]} has scans in {told}, and {len(both) - 1} other patients in two parts too: "
            "a test would measure memory. Move all scans of a patient into one part"
        )

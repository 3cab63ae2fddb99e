"""Splits with a number of training items in each class, as the graph benchmarks use them."""

# N items, C classes

from dataclasses import dataclass

import numpy as np

from suite.data.splits import Split
from suite.errors import UserError


@dataclass(frozen=True)
class PerClassSplit:
    """Draws training items from each class, then validation and test items in the proportions of the classes.

    Args:
        train_per_class: number of training items in each class, or below 1, the fraction of the class.
        num_val: number of validation items, or below 1, the fraction of all labelled items.
        num_test: the same for test items. As in PyG's ``RandomNodeSplit``, both are a count or a fraction.
        seed: of the draw; the same labels and seed give the same split on every machine.

    20 of each class, 500 and 1000 are the sizes of the public split of Planetoid (Yang et al. 2016, section 5.2).
    """

    train_per_class: float
    num_val: float
    num_test: float
    seed: int = 0

    def __call__(self, labels: np.ndarray) -> Split:
        """Split items by their ``labels`` (N,); items with label -1 are in no split.

        Raises UserError if there are too few items.
        """
        random = np.random.RandomState(self.seed)  # NumPy guarantees that its stream never changes
        train, rest, quantiles = [], [], []
        for label in np.unique(labels[labels >= 0]):
            members = random.permutation(np.flatnonzero(labels == label))
            count = _count(self.train_per_class, len(members))
            if count < 1 or count > len(members):
                raise UserError(
                    f"Class {label} has {len(members)} labelled items, but data.train_per_class="
                    f"{self.train_per_class:g} needs {count}. Set data.train_per_class to a smaller number, or to a "
                    "fraction such as 0.6"
                )
            train.append(members[:count])
            rest.append(members[count:])
            quantiles.append((np.arange(len(members) - count) + 0.5) / max(len(members) - count, 1))
        if not train:
            raise UserError("No item has a label, so there is nothing to train on")
        # Sorted by their quantile within the class, all runs of items have the classes in proportion.
        remaining = np.concatenate(rest)[np.argsort(np.concatenate(quantiles), kind="stable")]
        num_labelled = int((labels >= 0).sum())
        num_val, num_test = _count(self.num_val, num_labelled), _count(self.num_test, num_labelled)
        if num_val < 1 or num_test < 1 or num_val + num_test > len(remaining):
            raise UserError(
                f"{len(remaining)} labelled items remain after training, but data.num_val={self.num_val:g} and "
                f"data.num_test={self.num_test:g} need {num_val} and {num_test}. Set them to smaller numbers, or to "
                "fractions such as 0.2"
            )
        splits = np.concatenate(train), remaining[:num_val], remaining[num_val : num_val + num_test]
        return Split(*(np.sort(split).astype(np.int64) for split in splits))


def _count(amount: float, total: int) -> int:
    """Return a count unchanged; of a fraction, the part of ``total``, rounded down but at least 1."""
    return max(1, int(amount * total + 1e-9)) if 0 < amount < 1 else int(amount)

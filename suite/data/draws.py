"""Random draws of items for the splits of ``suite.data.splits``."""

# N items, G groups, S shares

import numpy as np


def per_class(labels: np.ndarray, fraction: float, random: np.random.RandomState) -> np.ndarray:
    """Draw ``fraction`` of the items of each class; returns their indices."""
    chosen = []
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        chosen.append(members[: round(fraction * len(members))])
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def stratified_folds(labels: np.ndarray, folds: int, random: np.random.RandomState) -> np.ndarray:
    """Assign each item to a fold, (N,): folds differ by at most one item, in total and in each class."""
    order = np.concatenate([random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    fold = np.empty(len(labels), dtype=np.int64)
    fold[order] = np.arange(len(labels)) % folds
    return fold


def whole_groups(groups: np.ndarray, fraction: float, random: np.random.RandomState) -> np.ndarray:
    """Draw random groups until they have at least ``fraction`` of the items; returns indices of items."""
    names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = random.permutation(len(names))
    enough = int(np.searchsorted(np.cumsum(counts[order]), fraction * len(groups))) + 1
    return np.flatnonzero(np.isin(group, order[:enough]))


def grouped_shares(
    labels: np.ndarray, groups: np.ndarray, shares: np.ndarray, random: np.random.RandomState
) -> np.ndarray:
    """Assign each item to a share, (N,): groups stay whole, and share s has about ``shares[s]`` of each class.

    Greedy: groups with most items come first, in random order among groups of equal size, and each joins the share that
    lacks most of the group's classes. No share stays empty if there are as many groups as shares.
    """
    names, group = np.unique(groups, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (group, label), 1)
    totals = counts.sum(0)
    needed = shares[:, None] * totals  # items of each class that a share still lacks
    share = np.empty(len(names), dtype=np.int64)
    shuffled = random.permutation(len(names))
    largest_first = shuffled[np.argsort(-counts[shuffled].sum(1), kind="stable")]
    empty = np.ones(len(shares), dtype=bool)
    for remaining, current in zip(range(len(names), 0, -1), largest_first, strict=True):
        lack = (needed / totals * (counts[current] > 0)).sum(1) + 1e-3 * needed.sum(1) / totals.sum()
        allowed = empty if remaining <= empty.sum() else np.ones_like(empty)
        share[current] = int(np.where(allowed, lack, -np.inf).argmax())
        needed[share[current]] -= counts[current]
        empty[share[current]] = False
    return share[group]

"""Splits that the files of a graph state; ``suite.data.per_class_split.PerClassSplit`` draws the others."""

# N nodes

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite.data.npz import require_arrays
from suite.data.splits import SPLITS, Split
from suite.errors import UserError

NUM_VAL = 500  # validation nodes of a public split


def public_split(num_train: int, num_known: int, test: np.ndarray) -> Split:
    """Return the public split of a graph in Planetoid's format (Yang et al. 2016, section 5.2).

    The training nodes are the first ``num_train``; the next ``NUM_VAL`` of the first ``num_known`` nodes, which are in
    ``allx``, are the validation nodes.

    >>> [len(nodes) for nodes in public_split(140, 1708, np.arange(1708, 2708))]
    [140, 500, 1000]
    """
    return Split(np.arange(num_train), np.arange(num_train, min(num_train + NUM_VAL, num_known)), test)


def stated_split(path: Path, arrays: Mapping[str, np.ndarray], num_nodes: int) -> Split | None:
    """Return the split of the arrays ``train``, ``val`` and ``test``; None if the file has none of them.

    Each array is a bool mask (N,) or a list of node numbers. Raises UserError if one of them is missing or has another
    shape.
    """
    if not any(name in arrays for name in SPLITS):
        return None
    require_arrays(path, arrays, SPLITS)
    for name in SPLITS:
        mask = arrays[name].dtype == bool
        if arrays[name].ndim != 1 or (mask and len(arrays[name]) != num_nodes):
            raise UserError(f"{path}: {name} must be a mask of shape ({num_nodes},) or a list of node numbers")
    return Split(*(np.flatnonzero(arrays[name]) if arrays[name].dtype == bool else arrays[name] for name in SPLITS))

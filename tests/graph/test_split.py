"""Splits that files state."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tasks.graph.split import public_split, stated_split

FILE = Path("mine.npz")


def test_the_public_split_has_at_most_500_validation_nodes_among_the_known_ones():
    train, val, test = public_split(2, 9, np.array([9, 11]))
    assert (train.tolist(), val.tolist(), test.tolist()) == ([0, 1], [2, 3, 4, 5, 6, 7, 8], [9, 11])
    assert public_split(60, 18717, np.arange(18717, 19717)).val.tolist() == list(range(60, 560))


def test_masks_and_node_numbers_give_the_same_split():
    numbers = {"train": np.array([0, 1]), "val": np.array([2]), "test": np.array([4])}
    masks = {name: np.isin(np.arange(5), nodes) for name, nodes in numbers.items()}
    first, second = stated_split(FILE, numbers, 5), stated_split(FILE, masks, 5)
    assert first is not None
    assert second is not None
    assert first.hash() == second.hash()
    assert stated_split(FILE, {"y": np.zeros(5)}, 5) is None


def test_errors_name_the_array():
    with pytest.raises(UserError, match=r"mine\.npz has no array val, test"):
        stated_split(FILE, {"train": np.array([0])}, 5)
    split = {"train": np.array([0]), "val": np.array([[1]]), "test": np.array([2])}
    with pytest.raises(UserError, match=r"val must be a mask of shape \(5,\) or a list of node numbers"):
        stated_split(FILE, split, 5)

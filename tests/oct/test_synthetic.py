"""Phantoms: the same for the same seed, every class with its own lesions, outlines that fit the pixels."""

import numpy as np
import pytest

from suite.errors import UserError
from tasks.oct.data import PhantomData
from tasks.oct.synthetic import CLASSES, CYST, DETACHMENT, DRUSE, MATERIAL, simulate


def bits(masks: np.ndarray) -> set[int]:
    return {kind for kind in range(8) if ((masks >> kind) & 1).any()}


def test_the_seed_decides() -> None:
    labels = np.arange(8) % 4
    first, again, other = (simulate(labels, 24, 40, np.random.RandomState(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).mean() > 0.5


def test_every_class_has_the_lesions_that_belong_to_it() -> None:
    allowed = {
        "CNV": {CYST, DETACHMENT, DRUSE, MATERIAL},
        "DME": {CYST, DETACHMENT},
        "DRUSEN": {DRUSE},
        "NORMAL": set(),
    }
    for number, name in enumerate(CLASSES):
        _, masks = simulate(np.full(40, number), 64, 128, np.random.RandomState(2))
        assert bits(masks) == allowed[name], name
        if name != "NORMAL":
            assert all(mask.any() for mask in masks), name


def test_cysts_are_dark_and_drusen_are_capped_by_a_bright_line() -> None:
    pixels, masks = simulate(np.full(30, 1), 96, 256, np.random.RandomState(3))
    inside = (masks >> CYST) & 1 == 1
    around = np.roll(inside, 12, 1) & ~inside & (masks == 0)
    assert pixels[inside].mean() < 0.75 * pixels[around].mean()
    pixels, masks = simulate(np.full(30, 2), 96, 256, np.random.RandomState(3))
    inside = (masks >> DRUSE) & 1 == 1
    top = inside & ~np.roll(inside, 1, 1)
    assert pixels[top].mean() > 1.15 * pixels[inside & ~top].mean()


def test_the_data_module_splits_its_patients() -> None:
    data = PhantomData(num_scans=64, height=16, width=24)
    parts = [set(data.scans.patients[part]) for part in data.parts]
    assert len(parts[0] | parts[1] | parts[2]) == sum(map(len, parts))
    assert data.facts()["class_names"] == list(CLASSES)
    assert data.facts()["num_lesions"] == 8


def test_too_few_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.num_scans=4 is too few"):
        PhantomData(num_scans=4)

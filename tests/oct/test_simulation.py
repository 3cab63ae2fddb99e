"""Simulated scans: reproducible, with the lesions of their class, and outlines that fit the pixels."""

import numpy as np

from tasks.oct.simulation import CLASSES, CYST, DETACHMENT, DRUSE, MATERIAL, simulate


def bits(masks: np.ndarray) -> set[int]:
    return {kind for kind in range(8) if ((masks >> kind) & 1).any()}


def test_the_same_seed_gives_the_same_scans() -> None:
    labels = np.arange(8) % 4
    first, again, other = (simulate(labels, 24, 40, np.random.RandomState(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).mean() > 0.5


def test_each_class_has_its_lesions() -> None:
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

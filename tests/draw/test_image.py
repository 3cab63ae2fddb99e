"""A heat map over an image, and the border of a mask."""

import numpy as np
import pytest

from suite.draw.image import HEAT, OUTLINE, border, overlay


def test_the_largest_heat_is_the_strongest_colour():
    image = np.full((3, 4), 100, np.uint8)
    heat = np.zeros((3, 4))
    heat[1, 2] = 7.0
    painted = overlay(image, heat, strength=0.5)
    assert painted[0, 0].tolist() == [100, 100, 100]
    assert painted[1, 2].tolist() == np.rint(0.5 * 100 + 0.5 * HEAT).tolist()


def test_a_mask_is_outlined():
    mask = np.zeros((5, 5), bool)
    mask[1:4, 1:4] = True
    assert border(mask).sum() == 8
    painted = overlay(np.zeros((5, 5), np.uint8), np.zeros((5, 5)), mask)
    assert tuple(painted[1, 1]) == OUTLINE
    assert painted[2, 2].tolist() == [0, 0, 0]


def test_sizes_that_differ_are_rejected():
    with pytest.raises(ValueError, match=r"heat of shape \(2, 2\) does not fit"):
        overlay(np.zeros((3, 3), np.uint8), np.zeros((2, 2)))

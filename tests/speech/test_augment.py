"""Changes of speed, frequency warps and masks."""

import numpy as np
import torch

from tasks.speech.augment import SpecAugment, stretch, warp_cepstra


def test_a_change_of_speed_changes_the_length_but_not_the_ends() -> None:
    x = np.arange(101, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    for speed in (0.8, 1.0, 1.3):
        y = stretch(x, speed)
        assert y.shape == (round(101 / speed), 3)
        np.testing.assert_allclose(y[:, 0], np.linspace(0, 100, len(y)), atol=1e-4)
    assert len(stretch(np.zeros((1, 3), np.float32), 2.0)) == 1


def test_factor_1_changes_nothing_and_other_factors_move_a_peak() -> None:
    random = np.random.RandomState(0)
    cepstra = random.randn(5, 13).astype(np.float32)
    np.testing.assert_allclose(warp_cepstra(cepstra, 1.0), cepstra, atol=1e-4)
    middles = (np.arange(400) + 0.5) / 400
    basis = np.cos(np.pi * middles[:, None] * np.arange(13))
    peak = np.linalg.pinv(basis) @ np.exp(-0.5 * ((middles - 0.5) / 0.1) ** 2)
    moved = [np.argmax(basis @ warp_cepstra(peak[None].astype(np.float32), f)[0]) for f in (0.9, 1.0, 1.1)]
    assert moved[0] > moved[1] > moved[2]


def test_masks_are_not_wider_than_their_bounds() -> None:
    random = np.random.default_rng(0)
    augment = SpecAugment(time_masks=2, time_frames=10, time_fraction=0.2, frequency_masks=1, frequency_width=4)
    for length in (1, 3, 40, 200):
        masked = augment(torch.ones(length, 9), random)
        assert int((masked == 0).all(dim=1).sum()) <= 2 * min(10, int(0.2 * length))
        assert int((masked == 0).all(dim=0).sum()) <= 4

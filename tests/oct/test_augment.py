"""Augmentation: reproducible by (seed, epoch, scan), lesions moved with the scan, against a slow loop."""

import numpy as np
import pytest
import torch

from tasks.oct.augment import Augment, Draws
from tasks.oct.batch import Bags, ScanBatches
from tests.oct.conftest import scan_data

EVERYTHING = {
    "flip": 0.5,
    "shift": 0.2,
    "zoom": 0.2,
    "rotate": 15,
    "light": 0.1,
    "contrast": 0.3,
    "gamma": 0.5,
    "erase": 0.5,
}


def test_draws_depend_on_seed_epoch_and_scan_alone() -> None:
    scans = np.array([7, 3, 100_000])
    first = Draws(1, 2, scans).uniform()
    torch.testing.assert_close(first[1:], Draws(1, 2, scans[1:]).uniform())
    for other in (Draws(2, 2, scans), Draws(1, 3, scans), Draws(1, 2, scans + 1)):
        assert not bool((other.uniform() == first).any())
    draws = Draws(1, 2, scans)
    assert not torch.equal(draws.uniform(), draws.uniform())


def test_draws_are_uniform() -> None:
    values = Draws(0, 0, np.arange(20_000)).uniform(-1.0, 3.0)
    assert float(values.min()) >= -1.0
    assert float(values.max()) < 3.0
    assert float(values.mean()) == pytest.approx(1.0, abs=0.03)
    assert float(values.std()) == pytest.approx(4 / 12**0.5, abs=0.03)


def test_a_scan_is_augmented_alike_in_any_batch() -> None:
    data = scan_data("synthetic", num_scans=32, height=16, width=24)
    found = []
    for size in (3, 8):
        loader = ScanBatches(data.scans, Bags.single(data.splits.train), size, Augment(**EVERYTHING), seed=5)
        loader.set_epoch(4)
        found.append(torch.cat([batch.pixels for batch in loader]))
    torch.testing.assert_close(*found)


def test_epochs_differ_and_can_be_chosen() -> None:
    data = scan_data("synthetic", num_scans=32, height=16, width=24)
    loader = ScanBatches(data.scans, Bags.single(data.splits.train), 8, Augment(flip=0.5, shift=0.1), seed=5)
    first, second = (torch.cat([batch.pixels for batch in loader]) for _ in range(2))
    assert not torch.equal(first, second)
    loader.set_epoch(0)
    torch.testing.assert_close(torch.cat([batch.pixels for batch in loader]), first)


def test_nothing_asked_changes_nothing() -> None:
    pixels, lesions = torch.rand(3, 1, 7, 9), torch.randint(0, 9, (3, 7, 9), dtype=torch.uint8)
    done = Augment()(pixels, lesions, Draws(0, 0, np.arange(3)))
    assert torch.equal(done.pixels, pixels)
    assert torch.equal(done.lesions, lesions)


def test_mirroring_moves_scan_and_lesions_alike() -> None:
    pixels, lesions = torch.rand(5, 2, 6, 9), torch.randint(0, 9, (5, 6, 9), dtype=torch.uint8)
    done = Augment(flip=1.0)(pixels, lesions, Draws(0, 0, np.arange(5)))
    torch.testing.assert_close(done.pixels, pixels.flip(3))
    assert torch.equal(done.lesions, lesions.flip(2))


def test_still_scans_are_mirrored_exactly_and_nothing_else() -> None:
    pixels, lesions = torch.rand(40, 1, 6, 9), torch.zeros(40, 6, 9, dtype=torch.uint8)
    done = Augment(flip=0.5, shift=0.2, zoom=0.2, rotate=20, still=0.5)(
        pixels, lesions, Draws(0, 0, np.arange(40))
    ).pixels
    found = [
        bool(torch.allclose(one, other, atol=1e-5) or torch.allclose(one, other.flip(2), atol=1e-5))
        for one, other in zip(done, pixels, strict=True)
    ]
    assert 10 < sum(found) < 30


def test_geometry_follows_a_slow_loop() -> None:
    number, height, width = 3, 8, 13
    pixels = torch.rand(number, 1, height, width)
    augment = Augment(flip=0.5, shift=0.2, zoom=0.3, rotate=20)
    scans = np.array([4, 9, 2])
    done = augment(pixels, torch.zeros(number, height, width, dtype=torch.uint8), Draws(3, 1, scans)).pixels
    draws = Draws(3, 1, scans)
    draws.uniform()
    across, down = (torch.exp(draws.uniform(-0.3, 0.3)) for _ in range(2))
    mirrored, angle = draws.uniform() < 0.5, draws.uniform(-20, 20) * torch.pi / 180
    shift_x, shift_y = (draws.uniform(-0.2, 0.2) for _ in range(2))
    for n in range(number):
        a = -across[n] if mirrored[n] else across[n]
        for row in range(height):
            for column in range(width):  # pixel units around the middle; a rotation there keeps angles
                x, y = column - (width - 1) / 2, row - (height - 1) / 2
                sine, cosine = float(angle[n].sin()), float(angle[n].cos())
                u = float(a) * cosine * x - float(down[n]) * sine * y + float(shift_x[n]) * width
                v = float(a) * sine * x + float(down[n]) * cosine * y + float(shift_y[n]) * height
                expected = _bilinear(pixels[n, 0], v + (height - 1) / 2, u + (width - 1) / 2)
                assert float(done[n, 0, row, column]) == pytest.approx(expected, abs=1e-4)


def _bilinear(image: torch.Tensor, y: float, x: float) -> float:
    y, x = min(max(y, 0.0), image.shape[0] - 1), min(max(x, 0.0), image.shape[1] - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
    upper = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
    lower = image[bottom, left] * (1 - (x - left)) + image[bottom, right] * (x - left)
    return float(upper * (1 - (y - top)) + lower * (y - top))


def test_light_keeps_lesions_and_erasing_blanks_a_rectangle() -> None:
    pixels, lesions = torch.rand(4, 1, 30, 40), torch.ones(4, 30, 40, dtype=torch.uint8)
    done = Augment(light=0.2, contrast=0.2, gamma=0.3)(pixels, lesions, Draws(0, 0, np.arange(4)))
    assert torch.equal(done.lesions, lesions)
    order = pixels.flatten(1).argsort(1)
    assert bool((done.pixels.flatten(1).gather(1, order).diff(dim=1) >= -1e-6).all())
    erased = Augment(erase=1.0)(pixels, lesions, Draws(0, 0, np.arange(4))).pixels
    changed = (erased != pixels).flatten(1).float().mean(1)
    assert bool((changed > 0.005).all())
    assert bool((changed < 0.12).all())

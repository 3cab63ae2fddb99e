"""Views: what the network sees of an image, and the way back."""

import numpy as np
import pytest

from suite.errors import UserError
from tasks.oct.view import Flat, Frame, Whole, blank_padding, look, pigment_line


def curved(height: int = 300, width: int = 500, lift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A retina with a bright line along a parabola, and its row in every column."""
    random = np.random.default_rng(0)
    x = np.linspace(-1, 1, width)
    line = 190 + 40 * x**2 - 25 * x
    rows = np.arange(height)[:, None] - line[None, :]
    image = random.uniform(0, 20, (height, width))
    image += 60 * ((rows > -90) & (rows < 0))  # retina
    image += 150 * ((rows > -90) & (rows < -75))  # nerve fibres
    image += 70 * ((rows > 0) & (rows < 40))  # choroid
    bright = np.abs(rows + lift * np.exp(-((x / 0.05) ** 2))[None, :]) < 6
    image[bright] = 230
    return image.clip(0, 255).astype(np.uint8), line


def test_the_line_is_found_in_every_column() -> None:
    image, line = curved()
    found = pigment_line(image, 500)
    assert np.abs(found - line).max() < 4


def test_a_deposit_does_not_lift_the_base() -> None:
    image, line = curved(lift=35)
    assert np.abs(pigment_line(image, 500) - line).max() < 6


def test_flat_makes_the_line_level() -> None:
    image, _ = curved()
    view = Flat(96, 256, above=140, below=52)
    seen, _ = look(view, image)
    assert seen.shape == (96, 256)
    assert seen.dtype == np.uint8
    brightest = seen.argmax(0)
    assert np.abs(brightest - 70).max() <= 3  # 140 rows of 192 lie above, two to a row of the view


def test_white_patches_are_blanked_and_bright_tissue_is_not() -> None:
    image, _ = curved()
    image[:60, 400:] = 255
    blank = blank_padding(image)
    assert blank[:60, 400:].max() == 0
    np.testing.assert_array_equal(blank[80:], image[80:])
    assert blank_padding(np.full((3, 3), 255, np.uint8)).min() == 255  # too small to tell


@pytest.mark.parametrize(("size", "view"), [((24, 40), (24, 40)), ((48, 80), (24, 40)), ((37, 61), (24, 40))])
def test_whole_is_the_image_shrunk_by_averaging(size: tuple[int, int], view: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 200, size, dtype=np.uint8)
    seen, frame = look(Whole(*view), image)
    assert seen.shape == view
    if size == view:
        np.testing.assert_array_equal(seen, image)
    if size == (48, 80):
        expected = image.reshape(24, 2, 40, 2).mean((1, 3))
        assert np.abs(seen - expected).max() <= 0.51
    assert frame.size == size


def test_a_map_goes_back_to_where_it_came_from() -> None:
    image, _ = curved(260, 420)
    spot = np.zeros_like(image)
    spot[150:170, 200:230] = 255
    view = Flat(96, 256)
    frame = view.frame(image)
    heat = frame.view(spot, 96)
    back = frame.back(heat)
    assert back.shape == image.shape
    rows, columns = np.nonzero(back > 100)
    assert abs(rows.mean() - 159.5) < 1.5
    assert abs(columns.mean() - 214.5) < 1.5


def test_masks_keep_their_bits() -> None:
    mask = np.zeros((48, 80), np.uint8)
    mask[10:20, 30:50] = 0b101
    seen = Whole(24, 40).frame(mask).view(mask, 24, order=0)
    assert set(np.unique(seen)) == {0, 0b101}
    assert (seen == 0b101).sum() == 5 * 10


def test_outside_the_image_is_black() -> None:
    frame = Frame(np.full(10, -30.0), 1.0, (20, 10))
    seen = frame.view(np.full((20, 10), 200, np.uint8), 40)
    assert seen[:29].max() == 0
    assert seen[31:].min() == 200


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.full((200, 30), 7, np.uint8), np.eye(12, 90) * 255])
def test_images_without_a_retina_give_a_view_all_the_same(image: np.ndarray) -> None:
    seen, _ = look(Flat(16, 24), image.astype(np.uint8))
    assert seen.shape == (16, 24)


def test_a_view_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.height must be at least 8, got 4"):
        Whole(4, 20)

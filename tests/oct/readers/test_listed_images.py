"""Image files in memory."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite.errors import UserError
from tasks.oct.readers.listed_images import ListedImage, read_images
from tasks.oct.view import make_view


def test_images_labels_and_lesions_keep_their_order(tmp_path: Path) -> None:
    images = []
    for number, label in enumerate(("10", "2", "10")):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((10, 12), 40 * number, np.uint8)).save(path)
        images.append(ListedImage(path, label, f"p{number}", "train", path.name))

    def lesions(path: Path, size: tuple[int, int]) -> np.ndarray:
        return np.full(size, int(path.stem), np.uint8)

    scans = read_images(images, make_view("whole", 10, 12), lesions)
    assert scans.class_names == ["2", "10"]
    assert scans.labels.tolist() == [1, 0, 1]
    assert scans.pixels[:, 0, 5, 5].tolist() == [0, 40, 80]
    assert scans.lesions[:, 5, 5].tolist() == [0, 1, 2]
    assert (scans.patients.tolist(), scans.stated.tolist()) == (["p0", "p1", "p2"], ["train"] * 3)


def test_a_missing_image_raises(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="x.png cannot be read as an image"):
        read_images([ListedImage(tmp_path / "x.png", "a", "p", "", "row 1")], make_view("whole", 10, 12))

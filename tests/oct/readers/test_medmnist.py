"""MedMNIST: files in the official form, and real files if available."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from suite.data.source import Source
from suite.errors import UserError
from tasks.oct.readers.medmnist import MedMnist, source_of
from tasks.oct.readers.medmnist_facts import CLASSES, MD5
from tests.oct.conftest import scan_data


def official(
    folder: Path, flag: str = "octmnist", size: int = 28, colours: bool = False, **changes: np.ndarray
) -> Source:
    """A file in the form of MedMNIST, and a source that knows its hash."""
    random = np.random.default_rng(0)
    classes = len(CLASSES[flag])
    arrays = {}
    for split, number in (("train", 23), ("val", 7), ("test", 11)):
        shape = (number, size, size, 3) if colours else (number, size, size)
        arrays[f"{split}_images"] = random.integers(0, 256, shape, dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(number) % classes).astype(np.uint8)[:, None]
    arrays = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    name = f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"
    (folder / "medmnist").mkdir(exist_ok=True)
    np.savez(folder / "medmnist" / name, **arrays)
    digest = hashlib.md5((folder / "medmnist" / name).read_bytes(), usedforsecurity=False).hexdigest()
    return Source(flag, "medmnist", {name: f"md5:{digest}"})


@pytest.mark.parametrize(
    ("flag", "size", "colours"), [("octmnist", 28, False), ("octmnist", 64, False), ("bloodmnist", 28, True)]
)
def test_a_file_is_read_in_its_official_split(flag: str, size: int, colours: bool, tmp_path: Path) -> None:
    source = official(tmp_path, flag, size, colours)
    data = scan_data("medmnist", flag=flag, size=size, source=source, dir=str(tmp_path))
    assert [len(split) for split in data.splits] == [23, 7, 11]
    assert data.scans.pixels.shape == (41, 3 if colours else 1, size, size)
    with np.load(tmp_path / "medmnist" / next(iter(source.files))) as raw:
        image = raw["val_images"][2]
    np.testing.assert_array_equal(data.scans.pixels[25], image.transpose(2, 0, 1) if colours else image[None])
    assert data.facts()["class_names"] == list(CLASSES[flag])
    assert data.facts()["num_lesions"] == 0


def test_a_changed_file_raises_and_is_not_removed(tmp_path: Path) -> None:
    official(tmp_path, "octmnist")
    with pytest.raises(UserError, match=r"octmnist\.npz is not the published file"):
        scan_data("medmnist", flag="octmnist", dir=str(tmp_path)).setup()
    assert (tmp_path / "medmnist" / "octmnist.npz").is_file()


def test_pickles_in_a_file_are_not_read(tmp_path: Path) -> None:
    source = official(tmp_path, val_images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="not a readable .npz of plain arrays"):
        scan_data("medmnist", flag="octmnist", size=28, source=source, dir=str(tmp_path)).setup()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_images": np.zeros((7, 27, 28), np.uint8)}, "val_images is uint8 of shape"),
        ({"val_images": None}, "has no array val_images"),
        ({"test_labels": np.zeros((3, 1), np.uint8)}, "test_labels is uint8 of shape"),
        ({"test_labels": np.full((11, 1), 9, np.uint8)}, "is from 9 to 9, but there are 4 classes"),
    ],
)
def test_arrays_that_do_not_fit_are_named(changes: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    source = official(tmp_path, **changes)
    with pytest.raises(UserError, match=message):
        scan_data("medmnist", flag="octmnist", size=28, source=source, dir=str(tmp_path)).setup()


@pytest.mark.parametrize(
    ("flag", "size", "message"),
    [
        ("octmist", 28, "Did you mean 'octmnist'"),
        ("octmnist", 32, "28, 64, 128, 224"),
        ("chestmnist", 28, "several labels"),
    ],
)
def test_unknown_data_sets_raise(flag: str, size: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MedMnist(flag, size, None)


def test_every_known_file_has_an_md5_and_an_address() -> None:
    for flag, sizes in MD5.items():
        for size in sizes:
            source = source_of(flag, size)
            (name,) = source.files
            assert source.files[name] == f"md5:{sizes[size]}"
            assert len(sizes[size]) == 32
    assert source_of("organsmnist", 28).files == {"organsmnist.npz": None}


def test_pneumoniamnist_has_the_published_facts(data_dir: Path) -> None:
    data = scan_data("medmnist", flag="pneumoniamnist", dir=str(data_dir))
    assert [len(split) for split in data.splits] == [4708, 524, 624]
    assert data.class_counts().tolist() == [1214, 3494]

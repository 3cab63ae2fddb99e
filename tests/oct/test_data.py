"""Readers: MedMNIST's npz, Kermany's folders, a user's own folders and tables; real files where they are at hand."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite.data.source import Source
from suite.errors import UserError
from tasks.oct.data import FolderData, KermanyData, MedMnistData, TableData
from tasks.oct.readers.medmnist import MedMnist, source_of
from tasks.oct.readers.medmnist_facts import CLASSES, MD5
from tasks.oct.readers.polygons import fill, read_polygons

KERMANY = Source("kermany", "oct_kermany", {}, homepage="https://example.org")


def official(
    folder: Path, flag: str = "octmnist", size: int = 28, colours: bool = False, **changes: np.ndarray
) -> Source:
    """A file in the form of MedMNIST, and a source that knows its hash."""
    random = np.random.default_rng(0)
    classes = len(CLASSES[flag])
    arrays = {}
    for part, number in (("train", 23), ("val", 7), ("test", 11)):
        shape = (number, size, size, 3) if colours else (number, size, size)
        arrays[f"{part}_images"] = random.integers(0, 256, shape, dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(number) % classes).astype(np.uint8)[:, None]
    arrays = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    name = f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"
    (folder / "medmnist").mkdir(exist_ok=True)
    np.savez(folder / "medmnist" / name, **arrays)
    digest = hashlib.md5((folder / "medmnist" / name).read_bytes(), usedforsecurity=False).hexdigest()
    return Source(flag, "medmnist", {name: f"md5:{digest}"})


@pytest.mark.parametrize(
    ("flag", "size", "colours"), [("octmnist", 28, False), ("octmnist", 64, False), ("bloodmnist", 28, True)]
)
def test_medmnist_is_read_in_its_own_parts(flag: str, size: int, colours: bool, tmp_path: Path) -> None:
    source = official(tmp_path, flag, size, colours)
    data = MedMnistData(flag, size, source, dir=str(tmp_path))
    assert [len(part) for part in data.parts] == [23, 7, 11]
    assert data.scans.pixels.shape == (41, 3 if colours else 1, size, size)
    with np.load(tmp_path / "medmnist" / next(iter(source.files))) as raw:
        picture = raw["val_images"][2]
    np.testing.assert_array_equal(data.scans.pixels[25], picture.transpose(2, 0, 1) if colours else picture[None])
    assert data.facts()["class_names"] == list(CLASSES[flag])
    assert data.facts()["num_lesions"] == 0


def test_a_changed_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    official(tmp_path, "octmnist")
    with pytest.raises(UserError, match=r"octmnist\.npz is not the published file"):
        MedMnistData("octmnist", dir=str(tmp_path)).setup()
    assert (tmp_path / "medmnist" / "octmnist.npz").is_file()


def test_pickles_in_a_file_are_not_read(tmp_path: Path) -> None:
    source = official(tmp_path, val_images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="no npz file of plain arrays"):
        MedMnistData("octmnist", 28, source, dir=str(tmp_path)).setup()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_images": np.zeros((7, 27, 28), np.uint8)}, "val_images is uint8 of shape"),
        ({"val_images": None}, "val_images is missing"),
        ({"test_labels": np.zeros((3, 1), np.uint8)}, "test_labels is uint8 of shape"),
        ({"test_labels": np.full((11, 1), 9, np.uint8)}, "goes from 9 to 9; the set has 4 classes"),
    ],
)
def test_arrays_that_do_not_fit_are_named(changes: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    source = official(tmp_path, **changes)
    with pytest.raises(UserError, match=message):
        MedMnistData("octmnist", 28, source, dir=str(tmp_path)).setup()


@pytest.mark.parametrize(
    ("flag", "size", "message"),
    [
        ("octmist", 28, "Did you mean 'octmnist'"),
        ("octmnist", 32, "28, 64, 128, 224"),
        ("chestmnist", 28, "several labels"),
    ],
)
def test_sets_that_do_not_exist_are_refused(flag: str, size: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MedMnist(flag, size)


def test_every_known_file_has_an_md5_and_an_address() -> None:
    for flag, sizes in MD5.items():
        for size in sizes:
            source = source_of(flag, size)
            (name,) = source.files
            assert source.files[name] == f"md5:{sizes[size]}"
            assert len(sizes[size]) == 32
    assert source_of("organsmnist", 28).files == {"organsmnist.npz": None}


def test_pneumoniamnist_has_the_published_facts(data_dir: Path) -> None:
    data = MedMnistData("pneumoniamnist", dir=str(data_dir))
    assert [len(part) for part in data.parts] == [4708, 524, 624]
    assert data.class_counts().tolist() == [1214, 3494]


def scan(folder: Path, name: str, outline: str | None = None) -> None:
    (folder / "images" / name.split("-")[0]).mkdir(parents=True, exist_ok=True)
    (folder / "lesions").mkdir(exist_ok=True)
    image = np.random.default_rng(len(name)).integers(0, 256, (40, 60), dtype=np.uint8)
    Image.fromarray(image).save(folder / "images" / name.split("-")[0] / f"{name}.jpeg")
    if outline is not None:
        (folder / "lesions" / f"{name}.txt").write_text(outline)


def test_kermany_takes_class_and_patient_from_names_and_lesions_from_outlines(tmp_path: Path) -> None:
    folder = tmp_path / "oct_kermany"
    for patient in range(8):
        for number in range(2):
            scan(folder, f"CNV-{patient}-{number}", "3 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n")
            scan(folder, f"DME-{patient + 100}-{number}")
    data = KermanyData(KERMANY, dir=str(tmp_path), view="whole", height=40, width=60, val_fraction=0.2)
    scans = data.scans
    assert scans.class_names == ["CNV", "DME"]
    assert set(scans.patients) == {str(n) for n in (*range(8), *range(100, 108))}
    mask = scans.lesions[scans.labels == 0]
    assert set(np.unique(mask)) == {0, 8}
    assert mask[0, 10:30, 15:45].mean() == 8
    assert not scans.lesions[scans.labels == 1].any()
    assert data.facts()["num_lesions"] == 8


def test_kermany_keeps_the_parts_of_oct2017_and_refuses_a_patient_in_two(tmp_path: Path) -> None:
    folder = tmp_path / "oct_kermany"
    for part, patients in (("train", range(12)), ("test", range(20, 24))):
        for patient in patients:
            for name in ("CNV", "NORMAL"):
                place = folder / part / name
                place.mkdir(parents=True, exist_ok=True)
                image = np.zeros((20, 30), np.uint8)
                Image.fromarray(image).save(place / f"{name}-{name}{patient}-1.jpeg")
    data = KermanyData(KERMANY, dir=str(tmp_path), height=16, width=24)
    assert len(data.parts.test) == 8
    (folder / "test/CNV/CNV-CNV20-1.jpeg").rename(folder / "test/CNV/CNV-CNV3-1.jpeg")
    with pytest.raises(UserError, match="patient CNV3 has scans in test and train"):
        KermanyData(KERMANY, dir=str(tmp_path), height=16, width=24).setup()


def test_kermany_names_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no B-scans in"):
        KermanyData(KERMANY, dir=str(tmp_path)).prepare_data()
    scan(tmp_path / "oct_kermany", "CNV-1-1")
    (tmp_path / "oct_kermany/images/CNV/CNV-1-1.jpeg").rename(tmp_path / "oct_kermany/images/CNV/first.jpeg")
    with pytest.raises(UserError, match=r"first\.jpeg should be named CLASS-patient-number"):
        KermanyData(KERMANY, dir=str(tmp_path)).setup()


@pytest.mark.parametrize("line", ["9 0 0 1 0 1 1", "3 0 0 1 0", "3 0 0 1", "x 0 0 1 0 1 1", "3 0 0 nan 0 1 1"])
def test_outlines_that_make_no_sense_are_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(f"3 0 0 1 0 1 1\n{line}\n")
    with pytest.raises(UserError, match=r"x\.txt, line 2"):
        read_polygons(tmp_path / "x.txt")


def test_outlines_may_overlap() -> None:
    square = np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]])
    mask = fill([(0, square), (5, square + 0.25)], (40, 40))
    assert mask[5, 5] == 1
    assert mask[15, 15] == 1 | 32
    assert mask[25, 25] == 32


@pytest.mark.slow
def test_kermany_has_the_facts_of_the_files(data_dir: Path) -> None:
    data = KermanyData(KERMANY, dir=str(data_dir), view="flat", height=96, width=256, folds=5)
    assert np.bincount(data.scans.labels).tolist() == [100, 97, 202]
    assert data.provenance()["num_patients"] == 173
    assert (data.scans.lesions.reshape(399, -1) > 0).any(1).sum() >= 390
    assert [np.bincount(data.scans.labels[part]).tolist() for part in data.parts][2] == [20, 20, 40]


def test_folders_are_classes_and_a_pattern_finds_patients(folders: Path) -> None:
    data = FolderData(str(folders), r"^\w+-(\d+)-", height=16, width=24)
    assert data.scans.class_names == ["lower", "upper"]
    assert len(np.unique(data.scans.patients)) == 15
    with pytest.raises(UserError, match="finds no patient"):
        FolderData(str(folders), r"^(\d+)", height=16, width=24).setup()
    for wrong in (r"(", r"abc"):
        with pytest.raises(UserError, match=r"data\.patient="):
            FolderData(str(folders), wrong)


def test_folders_may_be_parts(tmp_path: Path, folders: Path) -> None:
    for part, numbers in (("train", range(20)), ("val", range(20, 25)), ("test", range(25, 30))):
        for name in ("lower", "upper"):
            (tmp_path / "parts" / part / name).mkdir(parents=True)
            for number in numbers:
                file = f"{name}-{number // 2}-{number}.png"
                (folders / name / file).rename(tmp_path / "parts" / part / name / file)
    data = FolderData(str(tmp_path / "parts"), height=16, width=24)
    assert [len(part) for part in data.parts] == [40, 10, 10]
    with pytest.raises(UserError, match="patient 12 has scans in"):
        FolderData(str(tmp_path / "parts"), r"^\w+-(\d+)-", height=16, width=24).setup()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "upper/notes.txt").write_text("hm"), r"notes\.txt is no image"),
        (lambda f: (f / "middle").mkdir(), "middle has no images"),
        (
            lambda f: (f / "upper/upper-1-2.png").write_bytes(b""),
            r"upper-1-2\.png cannot be read as an image: the file is empty",
        ),
        (lambda f: (f / "upper/deeper").mkdir(), "deeper is no image"),
    ],
)
def test_folders_with_other_things_are_refused(spoil, message: str, folders: Path) -> None:  # type: ignore[no-untyped-def]
    spoil(folders)
    with pytest.raises(UserError, match=message):
        FolderData(str(folders), height=16, width=24).setup()


def table(folders: Path, rows: list[dict[str, str]]) -> Path:
    path = folders / "scans.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows_of(folders: Path) -> list[dict[str, str]]:
    files = sorted(folders.glob("*/*.png"))
    return [
        {"image": f"{f.parent.name}/{f.name}", "label": f.parent.name, "patient": f.name.split("-")[1]} for f in files
    ]


def test_a_table_gives_what_folders_give(folders: Path) -> None:
    data = TableData(str(table(folders, rows_of(folders))), height=16, width=24)
    data.setup()
    other = FolderData(str(folders), r"^\w+-(\d+)-", height=16, width=24)
    (folders / "scans.csv").unlink()
    np.testing.assert_array_equal(data.scans.pixels, other.scans.pixels)
    np.testing.assert_array_equal(data.scans.labels, other.scans.labels)
    assert data.parts.hash() == other.parts.hash()


def test_a_table_may_name_the_parts(folders: Path) -> None:
    rows = rows_of(folders)
    for row in rows:
        row["part"] = ("train", "train", "val", "test")[int(row["patient"]) % 4]
    data = TableData(str(table(folders, rows)), split_column="part", height=16, width=24)
    assert len(data.parts.val) == 16
    rows[0]["part"] = "test"
    with pytest.raises(UserError, match="patient 0 has scans in test and train"):
        TableData(str(table(folders, rows)), split_column="part", height=16, width=24).setup()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "nowhere.png"}, r"line 3: the image .*nowhere\.png does not exist"),
        ({"label": " "}, "line 3: the column 'label' is empty"),
        ({"patient": ""}, "line 3: the column 'patient' is empty"),
    ],
)
def test_a_wrong_line_is_named(change: dict[str, str], message: str, folders: Path) -> None:
    rows = rows_of(folders)
    rows[1].update(change)
    with pytest.raises(UserError, match=message):
        TableData(str(table(folders, rows)), height=16, width=24).setup()


def test_a_missing_column_is_named_with_the_nearest(folders: Path) -> None:
    with pytest.raises(UserError, match="no column 'lable'.*Did you mean 'label'"):
        TableData(str(table(folders, rows_of(folders))), label_column="lable").setup()
    with pytest.raises(UserError, match="does not exist"):
        TableData(str(folders / "nothing.csv")).setup()


def test_a_class_without_training_scans_is_refused(folders: Path) -> None:
    rows = rows_of(folders)
    for row in rows:
        row["part"] = "test" if row["label"] == "upper" else "val" if int(row["patient"]) > 9 else "train"
        row["patient"] = row["image"]
    with pytest.raises(UserError, match="The class upper has no scan to train on"):
        TableData(str(table(folders, rows)), split_column="part", height=16, width=24).setup()

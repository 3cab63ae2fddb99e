"""Kermany's folders of B-scans."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite.data.source import Source
from suite.errors import UserError
from tests.oct.conftest import scan_data

KERMANY = Source("kermany", "oct_kermany", {}, homepage="https://example.org")


def scan(folder: Path, name: str, outline: str | None = None) -> None:
    (folder / "images" / name.split("-")[0]).mkdir(parents=True, exist_ok=True)
    (folder / "lesions").mkdir(exist_ok=True)
    image = np.random.default_rng(len(name)).integers(0, 256, (40, 60), dtype=np.uint8)
    Image.fromarray(image).save(folder / "images" / name.split("-")[0] / f"{name}.jpeg")
    if outline is not None:
        (folder / "lesions" / f"{name}.txt").write_text(outline)


def test_names_have_class_and_patient_and_outlines_become_masks(tmp_path: Path) -> None:
    folder = tmp_path / "oct_kermany"
    for patient in range(8):
        for number in range(2):
            scan(folder, f"CNV-{patient}-{number}", "3 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n")
            scan(folder, f"DME-{patient + 100}-{number}")
    data = scan_data("kermany", source=KERMANY, dir=str(tmp_path), view="whole", height=40, width=60, val_fraction=0.2)
    scans = data.scans
    assert scans.class_names == ["CNV", "DME"]
    assert set(scans.patients) == {str(n) for n in (*range(8), *range(100, 108))}
    mask = scans.lesions[scans.labels == 0]
    assert set(np.unique(mask)) == {0, 8}
    assert mask[0, 10:30, 15:45].mean() == 8
    assert not scans.lesions[scans.labels == 1].any()
    assert data.facts()["num_lesions"] == 8


def test_the_split_of_oct2017_is_used_unless_a_patient_is_in_two(tmp_path: Path) -> None:
    folder = tmp_path / "oct_kermany"
    for split, patients in (("train", range(12)), ("test", range(20, 24))):
        for patient in patients:
            for name in ("CNV", "NORMAL"):
                place = folder / split / name
                place.mkdir(parents=True, exist_ok=True)
                image = np.zeros((20, 30), np.uint8)
                Image.fromarray(image).save(place / f"{name}-{name}{patient}-1.jpeg")
    data = scan_data("kermany", source=KERMANY, dir=str(tmp_path), height=16, width=24)
    assert len(data.splits.test) == 8
    (folder / "test/CNV/CNV-CNV20-1.jpeg").rename(folder / "test/CNV/CNV-CNV3-1.jpeg")
    with pytest.raises(UserError, match="patient CNV3 has items in train and test"):
        scan_data("kermany", source=KERMANY, dir=str(tmp_path), height=16, width=24).setup()


def test_missing_and_misnamed_files_raise(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no B-scans in"):
        scan_data("kermany", source=KERMANY, dir=str(tmp_path)).prepare_data()
    scan(tmp_path / "oct_kermany", "CNV-1-1")
    (tmp_path / "oct_kermany/images/CNV/CNV-1-1.jpeg").rename(tmp_path / "oct_kermany/images/CNV/first.jpeg")
    with pytest.raises(UserError, match=r"first\.jpeg should be named CLASS-patient-number"):
        scan_data("kermany", source=KERMANY, dir=str(tmp_path)).setup()


@pytest.mark.slow
def test_the_real_files_have_their_counts(data_dir: Path) -> None:
    data = scan_data("kermany", source=KERMANY, dir=str(data_dir), view="flat", height=96, width=256, folds=5)
    assert np.bincount(data.scans.labels).tolist() == [100, 97, 202]
    assert data.provenance()["num_patients"] == 173
    assert (data.scans.lesions.reshape(399, -1) > 0).any(1).sum() >= 390
    assert np.bincount(data.scans.labels[data.splits.test]).tolist() == [20, 20, 40]

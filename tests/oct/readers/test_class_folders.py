"""One folder for each class."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tests.oct.conftest import scan_data


def test_folders_are_classes_and_a_pattern_finds_patients(folders: Path) -> None:
    data = scan_data("folder", path=str(folders), patient=r"^\w+-(\d+)-", height=16, width=24)
    assert data.scans.class_names == ["lower", "upper"]
    assert len(np.unique(data.scans.patients)) == 15
    with pytest.raises(UserError, match="finds no patient"):
        scan_data("folder", path=str(folders), patient=r"^(\d+)", height=16, width=24).setup()
    for wrong in (r"(", r"abc"):
        with pytest.raises(UserError, match=r"data\.patient="):
            scan_data("folder", path=str(folders), patient=wrong)


def test_folders_may_be_splits(tmp_path: Path, folders: Path) -> None:
    for split, numbers in (("train", range(20)), ("val", range(20, 25)), ("test", range(25, 30))):
        for name in ("lower", "upper"):
            (tmp_path / "splits" / split / name).mkdir(parents=True)
            for number in numbers:
                file = f"{name}-{number // 2}-{number}.png"
                (folders / name / file).rename(tmp_path / "splits" / split / name / file)
    data = scan_data("folder", path=str(tmp_path / "splits"), height=16, width=24)
    assert [len(split) for split in data.splits] == [40, 10, 10]
    with pytest.raises(UserError, match="patient 12 has items in"):
        scan_data("folder", path=str(tmp_path / "splits"), patient=r"^\w+-(\d+)-", height=16, width=24).setup()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "upper/notes.txt").write_text("hm"), r"notes\.txt is not an image"),
        (lambda f: (f / "middle").mkdir(), "middle has no images"),
        (
            lambda f: (f / "upper/upper-1-2.png").write_bytes(b""),
            r"upper-1-2\.png cannot be read as an image: the file is empty",
        ),
        (lambda f: (f / "upper/deeper").mkdir(), "deeper is not an image"),
    ],
)
def test_folders_with_other_files_raise(spoil, message: str, folders: Path) -> None:  # type: ignore[no-untyped-def]
    spoil(folders)
    with pytest.raises(UserError, match=message):
        scan_data("folder", path=str(folders), height=16, width=24).setup()

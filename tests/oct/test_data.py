"""Splits, classes and keys of the data modules."""

from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tests.oct.conftest import scan_data
from tests.oct.readers.test_scan_table import rows_of, table


def test_a_class_without_training_scans_raises(folders: Path) -> None:
    rows = rows_of(folders)
    for row in rows:
        row["set"] = "test" if row["label"] == "upper" else "val" if int(row["patient"]) > 9 else "train"
        row["patient"] = row["image"]
    with pytest.raises(UserError, match="The class upper has no training scan"):
        scan_data("csv", path=str(table(folders, rows)), split_column="set", height=16, width=24).setup()


def test_class_names_that_are_numbers_are_sorted_as_numbers(folders: Path) -> None:
    (folders / "lower").rename(folders / "10")
    (folders / "upper").rename(folders / "2")
    data = scan_data("folder", path=str(folders), height=16, width=24)
    assert data.facts()["class_names"] == ["2", "10"]


def test_the_cache_gives_the_same_scans(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))
    first, second = (scan_data("folder", path=str(folders), height=16, width=24) for _ in range(2))
    assert first.provenance() == second.provenance()
    assert len(list((tmp_path / "cache").iterdir())) == 1
    np.testing.assert_array_equal(first.scans.names, second.scans.names)


def test_a_misspelt_key_raises() -> None:
    with pytest.raises(TypeError, match="ScanTableData has no argument 'imagecolumn'.*'image_column'"):
        scan_data("csv", imagecolumn="x")

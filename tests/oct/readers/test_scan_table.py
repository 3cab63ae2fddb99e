"""A table of images."""

import csv
from pathlib import Path

import numpy as np
import pytest

from suite.errors import UserError
from tests.oct.conftest import scan_data


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
    data = scan_data("csv", path=str(table(folders, rows_of(folders))), height=16, width=24)
    data.setup()
    other = scan_data("folder", path=str(folders), patient=r"^\w+-(\d+)-", height=16, width=24)
    (folders / "scans.csv").unlink()
    np.testing.assert_array_equal(data.scans.pixels, other.scans.pixels)
    np.testing.assert_array_equal(data.scans.labels, other.scans.labels)
    assert data.splits.hash() == other.splits.hash()


def test_a_table_may_state_the_split(folders: Path) -> None:
    rows = rows_of(folders)
    for row in rows:
        row["set"] = ("train", "train", "val", "test")[int(row["patient"]) % 4]
    data = scan_data("csv", path=str(table(folders, rows)), split_column="set", height=16, width=24)
    assert len(data.splits.val) == 16
    rows[0]["set"] = "test"
    with pytest.raises(UserError, match="patient 0 has items in train and test"):
        scan_data("csv", path=str(table(folders, rows)), split_column="set", height=16, width=24).setup()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "nowhere.png"}, r"line 3: the image .*nowhere\.png does not exist"),
        ({"label": " "}, "line 3, column label: the cell is empty"),
        ({"patient": ""}, "line 3, column patient: the cell is empty"),
    ],
)
def test_a_wrong_row_is_named(change: dict[str, str], message: str, folders: Path) -> None:
    rows = rows_of(folders)
    rows[1].update(change)
    with pytest.raises(UserError, match=message):
        scan_data("csv", path=str(table(folders, rows)), height=16, width=24).setup()


def test_a_missing_column_is_named_with_the_nearest(folders: Path) -> None:
    with pytest.raises(UserError, match="line 2: there is no column 'lable'.*Did you mean 'label'"):
        scan_data("csv", path=str(table(folders, rows_of(folders))), label_column="lable").setup()
    with pytest.raises(UserError, match="does not exist"):
        scan_data("csv", path=str(folders / "nothing.csv")).setup()

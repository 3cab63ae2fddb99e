"""The data set of phantoms."""

import pytest

from suite.errors import UserError
from tasks.oct.simulation import CLASSES
from tests.oct.conftest import scan_data


def test_the_split_is_by_patient() -> None:
    data = scan_data("synthetic", num_scans=64, height=16, width=24)
    patients = [set(data.scans.patients[split]) for split in data.splits]
    assert len(patients[0] | patients[1] | patients[2]) == sum(map(len, patients))
    assert data.facts()["class_names"] == list(CLASSES)
    assert data.facts()["num_lesions"] == 8


def test_too_few_scans_raise() -> None:
    with pytest.raises(UserError, match=r"data\.num_scans must be at least 16"):
        scan_data("synthetic", num_scans=4)

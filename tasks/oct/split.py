"""Split of scans by patient."""

from typing import ClassVar

from suite.data.splits import GroupedSplit


class PatientSplit(GroupedSplit):
    """``GroupedSplit`` of scans whose groups are patients: no patient is in two splits."""

    noun: ClassVar[str] = "patient"

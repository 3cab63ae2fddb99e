"""Cells as text, numbers and times: each by itself, with the place of a wrong one."""

from datetime import date, datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.data.cells import as_number, as_numbers, as_text, as_times, is_missing, replace_surrogates
from suite.errors import UserError


def place(index: int) -> str:
    return f"rec.csv, line {index + 2}, column time"


@pytest.mark.parametrize("cell", [None, float("nan"), "", " ", "NaN", "null", "None", "N/A", "NaT", "<NA>"])
def test_cells_without_a_value(cell: object) -> None:
    assert is_missing(cell)


@pytest.mark.parametrize("cell", [0, 0.0, False, "0", "nano", "-"])
def test_cells_with_a_value(cell: object) -> None:
    assert not is_missing(cell)


@pytest.mark.parametrize(
    ("cell", "text"), [("  P1 ", "P1"), (4.0, "4"), (4.5, "4.5"), (7, "7"), (True, "true"), ("\ud83d x", "\ufffd x")]
)
def test_text(cell: object, text: str) -> None:
    assert as_text(cell, "here") == text


@pytest.mark.parametrize("cell", [None, float("nan"), ["a", "b"], {"a": 1}, np.zeros(2)])
def test_what_is_not_text(cell: object) -> None:
    with pytest.raises(UserError, match="row 3"):
        as_text(cell, "t.parquet, row 3")


@given(st.text())
def test_every_text_can_be_written_as_utf8(text: str) -> None:
    replace_surrogates(text).encode("utf-8")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_those_of_python(numbers: list[float]) -> None:
    assert as_numbers([repr(number) for number in numbers], place).tolist() == numbers


@pytest.mark.parametrize("cell", ["x", "1,5", "nan", "inf", "1_000", "", None, "9" * 400])
def test_what_is_no_number_is_named_by_its_row(cell: object) -> None:
    with pytest.raises(UserError, match="line 3, column time"):
        as_numbers(["1", cell, "3"], place)
    with pytest.raises(UserError, match="here"):
        as_number(cell, "here")


def test_a_number_may_be_missing_where_allowed() -> None:
    assert np.array_equal(as_numbers(["1", "", "5"], place, allow_missing=True), [1, np.nan, 5], equal_nan=True)


def test_numbers_stay_numbers_as_times() -> None:
    assert as_times(["880000000", "20240101"], place).tolist() == [880000000, 20240101]


@pytest.mark.parametrize("gap", ["", "NaT", None, "now", "today", "12"])
def test_one_cell_without_a_date_is_an_error_of_its_row(gap: object) -> None:
    with pytest.raises(UserError, match="line 3, column time"):
        as_times(["2020-01-01", gap, "2020-01-03"], place)


@pytest.mark.parametrize("gap", ["", None, "2020-01-01", "now"])
def test_one_cell_without_a_number_is_an_error_of_its_row(gap: object) -> None:
    with pytest.raises(UserError, match="line 3, column time"):
        as_times(["1", gap, "3"], place)


@pytest.mark.parametrize(
    "cell",
    ["2020-02-30", "2020-01-01T25:00", "2020-13-01"],
)
def test_impossible_dates(cell: str) -> None:
    with pytest.raises(UserError, match="line 2, column time"):
        as_times([cell], place)


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2020-01-31", datetime(2020, 1, 31, tzinfo=timezone.utc)),
        ("2020-01-31 23:59", datetime(2020, 1, 31, 23, 59, tzinfo=timezone.utc)),
        ("2020-01-31T23:59:58.5Z", datetime(2020, 1, 31, 23, 59, 58, 500000, tzinfo=timezone.utc)),
        ("2020-01-31T23:59:58+02:00", datetime(2020, 1, 31, 21, 59, 58, tzinfo=timezone.utc)),
        ("2020-01-31 23:59:58 -0130", datetime(2020, 2, 1, 1, 29, 58, tzinfo=timezone.utc)),
        (date(2020, 1, 31), datetime(2020, 1, 31, tzinfo=timezone.utc)),
        (datetime(2020, 1, 31, 5), datetime(2020, 1, 31, 5, tzinfo=timezone.utc)),
    ],
)
def test_dates_are_seconds_in_utc(cell: object, moment: datetime) -> None:
    assert as_times([cell], place).tolist() == [moment.timestamp()]

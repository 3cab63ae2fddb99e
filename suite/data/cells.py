"""Cells of tables as text, numbers and times. Each cell is parsed by itself: one bad cell never changes another one."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timezone
from typing import Any

import numpy as np

from suite.errors import UserError

MISSING = ("", "nan", "none", "null", "na", "n/a", "nat", "<na>")  # in any case; for numbers, times and labels
DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?")

Place = Callable[[int], str]  # from the index of a cell to its file, row and column, for messages


def is_missing(cell: Any) -> bool:
    """Whether a cell has no value: None, NaN, blank, or one of the words that programs write for it."""
    return cell is None or cell != cell or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def as_text(cell: Any, place: str) -> str:
    """Return a cell as text without blanks around it: 4.0 becomes "4", True becomes "true".

    Half of a surrogate pair, which JSON can contain and UTF-8 cannot, becomes U+FFFD. Raises UserError with ``place``
    for a cell without a value and for a list or an object.
    """
    if isinstance(cell, (list, dict, set, tuple, np.ndarray)):
        raise UserError(f"{place}: expected a text, got a list or an object; write the text itself, for example joined")
    if cell is None or cell != cell:
        raise UserError(f'{place}: no value; write "" for an empty text')
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return replace_surrogates(str(cell)).strip()


def replace_surrogates(text: str) -> str:
    r"""Replace each half of a surrogate pair by U+FFFD.

    >>> replace_surrogates("good \ud83d") == "good \ufffd"
    True
    """
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def as_number(cell: Any, place: str) -> float:
    """Return a cell as a finite number. Raises UserError with ``place`` for any other value.

    >>> as_number("4,5", "nodes.csv, line 3, column age")
    Traceback (most recent call last):
    suite.errors.UserError: nodes.csv, line 3, column age: '4,5' is not a finite number
    """
    try:
        number = float("nan") if isinstance(cell, str) and "_" in cell else float(cell)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if number - number != 0:
        raise UserError(f"{place}: {'the cell is empty' if is_missing(cell) else f'{cell!r} is not a finite number'}")
    return number


def as_numbers(cells: Sequence[Any], place: Place, allow_missing: bool = False) -> np.ndarray:
    """Return a column as float64 (N,). With ``allow_missing``, a cell without a value is NaN.

    Raises UserError with the place of the first cell that is not a finite number.
    """
    try:
        numbers = np.array(cells, dtype=np.float64)
        if numbers.ndim == 1 and np.isfinite(numbers).all() and not _may_have_underscores(cells):
            return numbers
    except (TypeError, ValueError, OverflowError):
        pass
    parsed = (
        float("nan") if allow_missing and is_missing(cell) else as_number(cell, place(index))
        for index, cell in enumerate(cells)
    )
    return np.fromiter(parsed, dtype=np.float64, count=len(cells))


def as_times(cells: Sequence[Any], place: Place) -> np.ndarray:
    """Return a column of times as float64 seconds (N,).

    A column holds numbers, which are returned unchanged, or dates of ISO 8601 (``2020-01-31``, ``2020-01-31 23:59:58``,
    ``2020-01-31T23:59:58+02:00``), which become seconds since 1970; a date without a zone is UTC. Raises UserError with
    the place of the first cell that is neither, or that is of another kind than the first cell.
    """
    dated = bool(len(cells)) and _is_date(cells[0])
    if not dated:
        return as_numbers(cells, _instead(place, "number or a date such as 2020-01-31"))
    return np.fromiter((_seconds(cell, place(index)) for index, cell in enumerate(cells)), np.float64, len(cells))


def _seconds(cell: Any, place: str) -> float:
    """Seconds since 1970 of one date."""
    if is_missing(cell):
        raise UserError(f"{place}: the cell is empty. Correct the row or remove it")
    if not _is_date(cell):
        raise UserError(f"{place}: {cell!r} is not a date such as 2020-01-31, and the first row has a date")
    try:
        moment = _moment(cell)
    except ValueError as error:
        raise UserError(f"{place}: {cell!r} is not a date such as 2020-01-31 ({error})") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _moment(cell: Any) -> datetime:
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)
    text = cell.strip().replace("Z", "+00:00")
    if match := re.search(r"\.(\d+)", text):  # Python 3.10 reads 3 or 6 digits only
        text = text.replace(match[0], f".{match[1]:0<6}")
    return datetime.fromisoformat(re.sub(r"\s*([+-]\d{2}):?(\d{2})$", r"\1:\2", text) if len(text) > 10 else text)


def _is_date(cell: Any) -> bool:
    return isinstance(cell, date) or (isinstance(cell, str) and DATE.fullmatch(cell.strip()) is not None)


def _may_have_underscores(cells: Iterable[Any]) -> bool:
    return any(isinstance(cell, str) and "_" in cell for cell in cells)


def _instead(place: Place, wanted: str) -> Place:
    return lambda index: f"{place(index)} (expected a {wanted})"

"""CSV and its relatives: every row is read or reported, whatever is in the cells."""

import csv
import io
import logging
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from suite.data.delimited import TableFormat, find_delimiter, split_rows
from suite.errors import UserError

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=5).map(str.strip)


def read(text: str, form: TableFormat | None = None, ending: str = ".csv") -> tuple[list[str], list[list[str]]]:
    names, rows = split_rows("t.csv", text, form or TableFormat(), ending)
    return names, [cells for _, cells in rows]


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), st.sampled_from(",;|\t"))
def test_what_python_writes_is_read(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    assume(all(any(row) for row in rows))  # a row of empty cells is a blank line
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows([("a", "b", "c"), *rows])
    names, found = read(stream.getvalue(), TableFormat(delimiter=delimiter))
    assert names == ["a", "b", "c"]
    assert found == [list(row) for row in rows]


@pytest.mark.parametrize(("mark", "kind"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_another_separator_is_found_and_reported(mark: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert find_delimiter("t.csv", f"text{mark}label\na, b{mark}c\n") == mark
    assert f"its 2 cells are read as separated by a {kind}" in caplog.text


def test_a_comma_wins() -> None:
    assert find_delimiter("t.csv", "a,b;c;d\n") == ","


@pytest.mark.parametrize("text", ['a,b\n1,2\n3,"4\n5,6\n', 'a,b\n1,2\n3,"' + "x,y\n" * 60_000])
def test_a_quote_that_is_never_closed_is_reported_with_its_line(text: str) -> None:
    with pytest.raises(UserError, match=r"t\.csv, line 3: a quote is opened and never closed"):
        read(text)


def test_a_quote_closed_by_a_later_one_is_reported_too() -> None:
    with pytest.raises(UserError, match=r"t\.csv, line 3: a quote ends before its cell ends"):
        read('a,b\n1,2\n3,"4\n5,"6"\n')


def test_a_long_cell_is_read() -> None:
    long = "superb film. " * 20_000
    assert read(f'text,label\n"{long}",good\n')[1] == [[long.strip(), "good"]]


def test_a_row_of_another_length_is_reported() -> None:
    with pytest.raises(UserError, match=r"t\.csv, line 3: 3 cells, and the first line has 2"):
        read("a,b\n1,2\n1,2,3\n")


def test_two_columns_of_one_name_are_reported() -> None:
    with pytest.raises(UserError, match="2 columns are named 'a'"):
        read("a,b,a\n1,2,3\n")


def test_blanks_are_removed_and_windows_lines_read() -> None:
    assert read("a , b\r\n P1 ,x\r\nP1,\tx\r\n\r\n") == (["a", "b"], [["P1", "x"], ["P1", "x"]])


def test_a_tab_may_be_written_as_two_characters() -> None:
    assert read("1\t2\n", TableFormat(delimiter="\\t", header=False)) == (["0", "1"], [["1", "2"]])


def test_several_characters_separate_cells_without_quotes() -> None:
    assert read('1::"2\n', TableFormat(delimiter="::", header=False, quotes=False))[1] == [["1", '"2']]


@pytest.mark.parametrize(("delimiter", "quotes"), [("", True), ('"', True), ("\n", True)])
def test_impossible_separators(delimiter: str, quotes: bool) -> None:
    with pytest.raises(UserError, match="cannot separate cells"):
        TableFormat(delimiter=delimiter, quotes=quotes)


@pytest.mark.parametrize(("rows", "blank"), list(product([1, 3], ["", "\n", "\n\n"])))
def test_blank_lines_are_no_rows(rows: int, blank: str) -> None:
    assert len(read("a,b\n" + ("1,2\n" + blank) * rows)[1]) == rows

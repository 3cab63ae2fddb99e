"""Text files of a user: encodings, line ends, compression, and messages with file and line."""

import gzip
from pathlib import Path

import pytest

from suite.data.text_files import lines, read_bytes, read_text
from suite.errors import UserError


def test_lines_end_at_line_feeds_only_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\u2028more\r\n\n  \ntwo\n".encode())
    assert list(lines(path)) == [(1, "one\u2028more"), (4, "two")]
    assert read_text(path).startswith("one")


def test_a_compressed_file_is_read_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one\n"))
    assert read_bytes(path) == b"one\n"
    assert list(lines(path)) == [(1, "one")]
    path.write_bytes(b"one\n")
    with pytest.raises(UserError, match=r"a\.txt\.gz cannot be read"):
        list(lines(path))


def test_a_wrong_byte_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ncaf\xe9\nthree\n")
    for read in (read_text, lambda path: list(lines(path))):
        with pytest.raises(UserError, match=r"a\.txt, line 2: not valid UTF-8 \(byte 4"):
            read(path)
    assert read_text(path, "latin-1").splitlines()[1] == "caf\xe9"


def test_an_unknown_encoding_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    with pytest.raises(UserError, match="the encoding 'utf-99' is not known"):
        read_text(tmp_path / "a.txt", "utf-99")
    with pytest.raises(UserError, match=r"b\.txt cannot be read: No such file"):
        read_bytes(tmp_path / "b.txt")

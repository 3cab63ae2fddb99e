"""A user's own files: existence and hashes."""

import hashlib
from pathlib import Path

import pytest

from suite.data.own_files import hash_tree, own_files, own_folder
from suite.errors import UserError


def test_each_file_has_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x\n")
    found = own_files("data", path)
    assert found.sha256 == {str(path): hashlib.sha256(b"x\n").hexdigest()}
    assert found.origin == "your own files"


def test_a_missing_file_and_a_folder_are_errors_that_name_the_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.edges: the file .*b\.csv does not exist"):
        own_files("data", tmp_path / "b.csv", key="data.edges")
    with pytest.raises(UserError, match=r"data\.path: the file .* is a folder, not a file"):
        own_files("data", tmp_path)


def test_the_hash_of_a_folder_depends_on_names_and_contents(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for path, content in zip(files, (b"12", b"3"), strict=True):
        path.write_bytes(content)
    first = own_folder("data", tmp_path, files).sha256[str(tmp_path)]
    files[0].write_bytes(b"1")
    files[1].write_bytes(b"23")  # the same bytes in total
    second = hash_tree(tmp_path, files)
    files[1] = files[1].rename(tmp_path / "c")
    assert len({first, second, hash_tree(tmp_path, files)}) == 3

"""Hashes of files, the data directory, and writing a file completely or not at all."""

import hashlib
from pathlib import Path

import pytest

from suite.data.files import default_data_dir, has_hash, make_writable, replacing, sha256_of
from suite.errors import UserError


def test_a_file_is_compared_with_either_kind_of_hash(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    sha256, md5 = hashlib.sha256(b"one").hexdigest(), hashlib.md5(b"one").hexdigest()
    assert sha256_of(path) == sha256
    assert has_hash(path, sha256)
    assert has_hash(path, f"md5:{md5}")
    path.write_bytes(b"two")
    assert not has_hash(path, sha256)
    assert not has_hash(path, f"md5:{md5}")


def test_the_data_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_DATA_DIR", "/elsewhere")
    assert default_data_dir() == Path("/elsewhere")
    monkeypatch.delenv("SUITE_DATA_DIR")
    assert default_data_dir() == Path("data")


def _interrupted_write(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _interrupted_write(path)
    assert path.read_text() == "old"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    make_writable(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"Cannot write to .*file.* Choose a folder"):
        make_writable(tmp_path / "file" / "b")

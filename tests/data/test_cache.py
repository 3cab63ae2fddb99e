import logging
from pathlib import Path

import numpy as np
import pytest

from suite.data.cache import cached, hash_arrays

ARRAYS = {"a": np.arange(5), "b": np.eye(3, dtype=np.float32)}


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has named a folder for caches."""
    monkeypatch.delenv("SUITE_CACHE_DIR", raising=False)


class Builder:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return ARRAYS


def test_the_second_time_nothing_is_built(tmp_path: Path):
    build = Builder()
    for _ in range(2):
        arrays = cached(tmp_path, "set", {"x": "1"}, build)
        assert hash_arrays(arrays) == hash_arrays(ARRAYS)
    assert build.calls == 1
    assert len(list((tmp_path / ".cache").iterdir())) == 1


def test_another_source_or_reader_is_built_again(tmp_path: Path):
    build = Builder()
    for key in ({"x": "1"}, {"x": "2"}, {"x": "1", "reader": "2"}):
        cached(tmp_path, "set", key, build)
    assert build.calls == 3


def test_the_environment_chooses_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "elsewhere"))
    cached(tmp_path / "data", "set", {}, Builder())
    assert not (tmp_path / "data").exists()
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


@pytest.mark.parametrize("damage", ["truncate", "flip", "other", "pickle"])
def test_a_damaged_file_is_told_of_and_built_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture):
    build = Builder()
    cached(tmp_path, "set", {}, build)
    (path,) = (tmp_path / ".cache").iterdir()
    content = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        middle = content.index(ARRAYS["b"].tobytes())
        path.write_bytes(content[:middle] + b"\x01" + content[middle + 1 :])
    elif damage == "other":
        with path.open("wb") as stream:
            np.savez(stream, a=np.arange(5))
    else:
        with path.open("wb") as stream:
            np.savez(stream, a=np.array([{}], dtype=object))
    arrays = cached(tmp_path, "set", {}, build)
    assert hash_arrays(arrays) == hash_arrays(ARRAYS)
    assert build.calls == 2
    assert "damaged" in caplog.text
    cached(tmp_path, "set", {}, build)
    assert build.calls == 2


def test_a_folder_that_cannot_be_written_means_no_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").write_text("not a folder")
    with caplog.at_level(logging.INFO):
        arrays = cached(tmp_path / "file", "set", {}, Builder())
    assert hash_arrays(arrays) == hash_arrays(ARRAYS)
    assert "Nothing is cached" in caplog.text


def test_the_hash_does_not_depend_on_byte_order_and_does_on_the_shape():
    assert hash_arrays({"a": np.arange(4, dtype=">i8")}) == hash_arrays({"a": np.arange(4, dtype="<i8")})
    assert hash_arrays({"a": np.zeros((2, 3))}) != hash_arrays({"a": np.zeros((3, 2))})

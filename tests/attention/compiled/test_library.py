"""Building the optional kernels: the cache, concurrent processes, and the messages of failures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from suite.attention.attention import Attention
from suite.attention.compiled import library
from tests.attention.conftest import COMPILER, needs_compiler


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process that has loaded no kernels, and an empty cache folder."""
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "small.cpp").write_text('extern "C" int small() { return 1; }')
    monkeypatch.setattr(library, "FOLDER", tmp_path / "sources")  # compiles quickly
    library.library.cache_clear()
    yield tmp_path / "cache"
    library.library.cache_clear()


def test_a_machine_without_a_compiler_raises_and_names_the_fixes(fresh, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        ValueError, match=r"needs a C\+\+ compiler, and no-such-compiler was not found; install .*'auto'"
    ):
        Attention(implementation="compiled")


def test_the_error_of_a_compiler_is_quoted(fresh, monkeypatch, tmp_path):
    failing = tmp_path / "c++"
    failing.write_text('#!/bin/sh\n[ "$1" = --version ] || { echo "x.cpp:1: error: no such flag" >&2; exit 1; }\n')
    failing.chmod(0o755)
    monkeypatch.setenv("CXX", str(failing))
    with pytest.raises(ValueError, match=r"cannot build the compiled kernels: x.cpp:1: error: no such flag; .*CXX"):
        library.library()
    assert not list(fresh.iterdir())  # no partial file is left


@needs_compiler
def test_a_folder_that_cannot_be_written_is_named(fresh, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(ValueError, match=r"cannot be cached in .*below \(Not a directory\); .*SUITE_CACHE_DIR"):
        library.library()


@needs_compiler
def test_kernels_are_built_once_per_sources_and_flags(fresh, monkeypatch):
    library.library()
    (cached,) = fresh.iterdir()
    built = cached.stat().st_mtime_ns
    library.library.cache_clear()
    library.library()
    assert [cached] == list(fresh.iterdir())
    assert cached.stat().st_mtime_ns == built
    monkeypatch.setattr(library, "FLAGS", (*library.FLAGS, "-DOTHER"))
    library.library.cache_clear()
    library.library()
    assert len(list(fresh.iterdir())) == 2


@needs_compiler
def test_processes_that_start_together_each_load_complete_kernels(tmp_path):
    code = (
        "import torch; from suite.attention.compiled.dense import attend_compiled as attend;"
        "x = torch.randn(1, 1, 4, 4).double();"
        "torch.testing.assert_close(attend(x, x, x, None), (x @ x.mT).softmax(-1) @ x)"
    )
    environment = os.environ | {"SUITE_CACHE_DIR": str(tmp_path)}
    started = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert len(list(tmp_path.iterdir())) == 1


@needs_compiler
def test_the_sources_compile_without_warnings(tmp_path):
    command = [COMPILER, *library.FLAGS, "-Wall", "-Wextra", "-Werror", *map(str, library.FOLDER.glob("*.cpp"))]
    done = subprocess.run([*command, "-o", str(tmp_path / "kernels.so")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

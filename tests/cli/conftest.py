"""The console script: called in this process, as a package's entry point calls it, or as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from suite.cli.main import main


class Done(NamedTuple):
    """What a command left: exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Attn = Callable[..., Done]


@pytest.fixture
def attn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Attn:
    """Run ``attn`` in an empty directory, without keys and settings of the person who tests."""
    for name in [name for name in os.environ if name.startswith(("WANDB", "SUITE_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "HOME": tmp_path,
        "CI": "true",
        "COLUMNS": "160",
        "SUITE_CACHE_DIR": tmp_path / "cache",
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **environment: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            capfd.readouterr()
            try:
                code = main(list(arguments))
            except SystemExit as end:  # Hydra's own --help
                code = int(end.code or 0)
            return Done(code, *capfd.readouterr())

    return run


@pytest.fixture
def attn_process(tmp_path: Path) -> Attn:
    """The same in a fresh process."""

    def run(*arguments: str, **environment: str) -> Done:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "SUITE_"))}
        clean |= {"HOME": str(tmp_path), "CI": "true", "COLUMNS": "160", "SUITE_CACHE_DIR": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "suite.cli.main", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=clean | environment, capture_output=True, text=True, timeout=300, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run

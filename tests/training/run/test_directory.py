"""A run owns its directory."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from suite.errors import UserError
from suite.training.run import directory


def test_runs_started_at_one_instant_get_directories_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: directory.create(None, "graph", str(tmp_path)), range(20)))
    assert len(set(made)) == 20


def test_a_named_directory_can_be_claimed_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:

        def claim(_: int) -> bool:
            try:
                directory.create(str(tmp_path / "run"), "graph")
            except UserError as error:
                assert "already holds a run" in str(error)
                return False
            return True

        assert sum(pool.map(claim, range(8))) == 1


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(UserError, match="is a file"):
        directory.create(str(tmp_path / "run"), "graph")


def test_provenance_tells_versions_and_machine() -> None:
    facts = directory.provenance(["attn", "train"], 3, {"content_hash": "x"})
    assert facts["versions"]["torch"]
    assert facts["seed"] == 3
    assert facts["command"] == "attn train"


def test_writing_json_is_whole_or_not_at_all(tmp_path: Path) -> None:
    directory.write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        directory.write_json(tmp_path / "a.json", {"a": object()})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": 1\n}\n'


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, suite, suite.cli.main, suite.errors; sys.exit(any(m in sys.modules for m in ('torch', 'hydra')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

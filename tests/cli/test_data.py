"""``attn data``: lists, downloads and verifies data sets."""

import subprocess
import sys
from pathlib import Path

import pytest

from suite.cli import data as command
from suite.data import catalogue
from suite.errors import UserError
from tests.data.conftest import local, no_index, own_index, server, source  # noqa: F401  # fixtures


def test_every_preset_is_listed_and_names_its_source_after_itself():
    sets = {item.option: item for item in catalogue.list_sets()}
    assert {"graph/cora", "graph/planetoid", "graph/npz", "graph/csv", "graph/synthetic"} <= sets.keys()
    for option, item in sets.items():
        assert item.about, f"the second line of {option}.yaml should say what it is"
        if item.source:
            assert item.source.name == option.rsplit("/", 1)[-1]
            assert item.source.licence != "not stated"
            assert item.source.homepage


def test_the_table_shows_the_state_of_each_set(
    local: Path,  # noqa: F811
    source,  # noqa: F811
    own_index,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
):
    present = source(wheel=own_index)
    assert command.state(present, local) == "present, verified"
    (local / "small" / "raw" / "a.txt").write_bytes(b"changed")
    assert command.state(present, local) == "wrong hash (attn data verify small)"
    (local / "small" / "raw" / "a.txt").unlink()
    assert command.state(present, local) == "1 of 3 files missing"
    (local / "small" / "wheel").mkdir()
    (local / "small" / "wheel" / "w.bin").write_bytes(b"the same in another form")
    assert command.state(present, local) == "cached from the package index, verified"
    assert command.state(source(), local / "elsewhere") == "missing"
    assert command.main([f"data.dir={local}"]) == 0
    assert "graph/synthetic" in capsys.readouterr().out


def test_verify_prints_hashes_and_rejects_missing_files(data_dir: Path, tmp_path: Path, capsys):
    assert command.main(["verify", "cora", f"data.dir={data_dir}"]) == 0
    assert "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab  ind.cora.x" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"not complete .* attn data get cora"):
        command.main(["verify", "graph/cora", f"data.dir={tmp_path}"])


def test_get_keeps_files_that_are_present(data_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert command.main(["get", "cora", f"data.dir={data_dir}"]) == 0
    assert "from local files; 8 files, verified" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["get", "corra"], "no data set 'corra'. Did you mean 'cora'"),
        (["get", "graph/csv"], "nothing to download. Your own graph"),
        (["fetch", "cora"], "not a command"),
        (["get"], "not a command"),
    ],
)
def test_an_error_names_the_valid_commands(words: list[str], message: str):
    with pytest.raises(UserError, match=message):
        command.main(words)


def test_the_command_does_not_load_torch():
    code = "import sys; from suite.cli.data import main; main([]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0

"""``attn``: help, completion, errors of commands."""

import re
import subprocess
import sys

import pytest

from suite.cli.main import COMMANDS
from tests.cli.conftest import Attn


def test_help_lists_the_commands_and_imports_nothing_heavy(attn: Attn) -> None:
    done = attn("--help")
    assert all(f"\n  {name} " in done.stdout for name in ("train", "eval", "tasks", "data"))
    code = "import sys; from suite.cli.main import main; main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [("attn tr", "train"), ("attn train task=", "task=graph"), ("attn train model=graph/", "model=graph/gatv2")],
)
def test_tab_completion(attn: Attn, line: str, expected: str) -> None:
    done = attn("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert expected in done.stdout.split(), done


def test_completion_script_installs(attn: Attn) -> None:
    assert "complete" in attn("-sc", "install=bash").stdout


def test_the_traceback_is_shown_on_request(attn: Attn, attn_process: Attn) -> None:
    plain, traced = attn_process("train", "task=grph"), attn("train", "task=grph", "--traceback")
    assert re.fullmatch(r"attn: task=grph is not known\. Did you mean 'graph'\? Valid: .*graph.*\.\n", plain.stderr)
    assert "Traceback" in traced.stderr
    assert plain.returncode == traced.returncode == 2
    assert attn("tasks", "debug=true").stderr == (
        "attn: debug=true is not known; --traceback shows the traceback of an error, "
        "debug=one_pass and debug=short shorten a run\n"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_in_an_empty_folder(name: str, attn: Attn) -> None:
    done = attn(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"attn {name}" in done.stdout


@pytest.mark.parametrize("name", ["sweep", "find", "eval", "predict"])
def test_commands_without_arguments_show_their_usage(name: str, attn: Attn) -> None:
    done = attn(name)
    assert done.returncode == 2
    assert done.stdout.startswith(f"usage: attn {name}")


def test_an_interruption_is_exit_code_130(attn: Attn, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("suite.cli.tasks.main", interrupted)
    assert attn("tasks") == (130, "", "")

"""Two processes never train in one run directory, and no death leaves it locked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from suite.errors import UserError
from suite.training.run.lock import LOCK, locked

HOLD = """
import sys
from pathlib import Path
from suite.training.run.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_rejected_with_the_owner(tmp_path: Path) -> None:
    first = hold(tmp_path)
    try:
        with pytest.raises(UserError, match=f"is being trained by process {first.pid} on "), locked(tmp_path):
            pass
    finally:
        first.communicate("")
    with locked(tmp_path):
        pass


def test_sigkill_releases_the_lock(tmp_path: Path) -> None:
    first = hold(tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    with locked(tmp_path):
        pass


def test_an_error_inside_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "[]", "{}", "\0", "x" * 10_000])
def test_a_file_that_is_left_over_locks_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(content)
    with locked(tmp_path):
        pass


def test_an_owner_that_cannot_be_read_is_still_rejected(tmp_path: Path) -> None:
    first = hold(tmp_path)
    (tmp_path / LOCK).write_text("broken")
    try:
        with pytest.raises(UserError, match="is being trained by another process"), locked(tmp_path):
            pass
    finally:
        first.communicate("")


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / LOCK).symlink_to(target)
    with pytest.raises(UserError, match="cannot be written"), locked(tmp_path):
        pass
    assert not target.exists()


def test_two_starts_of_one_run_train_once(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    words = ["task=graph", "data=graph/synthetic", "trainer.max_steps=400", "checkpoints.every_steps=100", "threads=1"]
    command = [sys.executable, "-m", "suite.cli.main", "train", *words, f"run_dir={run_dir}", "resume=auto_or_new"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [(process.communicate(), process.returncode) for process in both]
    codes = sorted(code for _, code in ends)
    said = "".join(err for (_, err), code in ends if code == 2)
    assert codes == [0, 2], ends  # the second finds the first at work, or the run ended
    assert "is being trained by process" in said or "has ended" in said or "already holds a run" in said
    with (run_dir / "metrics.csv").open() as file:
        steps = [line.split(",")[0] for line in file][1:]
    assert len(steps) == len(set(steps)) + 1, "no row is written twice; the row of the test has the last step again"

"""Workers end with their agent and leave no process."""

import os
from pathlib import Path

import pytest

from suite.cli.main import main
from tests.training import forked
from tests.training.forked import TASKS, orphans
from tests.waiting import wait_until

SMALL = TASKS["documents"]


def command(*words: str) -> None:
    os._exit(main(["train", *words]))


@pytest.mark.slow
def test_twenty_starts_of_two_processes_end_clean(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(20):
        words = [*SMALL, "trainer=ddp_cpu", "debug=one_pass", f"run_dir={tmp_path / str(number)}"]
        assert forked.join([forked.start(command, *words)]) == [0], number
        assert not orphans(tmp_path / str(number))
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_killed_agent_takes_its_workers_along(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = forked.start(
        command,
        *SMALL,
        "trainer.max_epochs=100000",
        "trainer=ddp_cpu",
        "checkpoints.every_steps=5",
        f"run_dir={run_dir}",
    )
    wait_until(lambda: forked.alive(process) and len(orphans(run_dir)) == 2, 200)
    wait_until(lambda: forked.alive(process) and (run_dir / "checkpoints/last.ckpt").exists(), 200)
    process.kill()
    process.join()
    wait_until(lambda: not orphans(run_dir), 10)

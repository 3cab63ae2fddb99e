"""Launching, resuming and naming runs."""

import json
import os
import signal
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import yaml

from suite.cli.main import main
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.run import directory
from suite.training.run.launch import launch
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.training.forked import TASKS, orphans
from tests.waiting import wait_until

SMALL = TASKS["documents"]


def command(*words: str) -> None:
    os._exit(main(["train", *words]))


SHARDED = ("trainer=fsdp", "trainer.accelerator=cpu")


@pytest.mark.parametrize("trainer", [("trainer=ddp_cpu",), pytest.param(SHARDED, marks=pytest.mark.slow)])
def test_attn_starts_processes_that_a_signal_saves_and_that_go_on(
    trainer: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One start of everything: parent, agent, two workers; SIGTERM in the middle, then resume=NAME to the end."""
    run_dir = tmp_path / "runs/documents/one"
    words = [*SMALL, *trainer, "trainer.max_epochs=100000", "checkpoints.every_steps=5", f"run_dir={run_dir}"]
    process = forked.start(command, *words)
    wait_until(lambda: forked.alive(process) and (run_dir / "checkpoints/previous.ckpt").exists(), 200)
    started = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert forked.join([process]) == [143]
    assert time.monotonic() - started < 10
    assert not orphans(run_dir)
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1
    assert "stopped by SIGTERM; resume with" in printed
    step = checkpoint_file.recover(run_dir / "checkpoints")[1]["global_step"]
    assert yaml.safe_load((run_dir / "config.yaml").read_text())["trainer"]["devices"] == 2
    again = compose([*words, f"trainer.max_steps={step + 3}"])
    assert forked.join(forked.ranks(forked.work, again, run_dir, str(run_dir))) == [0, 0]
    assert checkpoint_file.recover(run_dir / "checkpoints")[1]["global_step"] == step + 3


def test_a_run_goes_on_by_its_name_alone_and_is_finished_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_dir = tmp_path / "runs/documents/one"
    config = compose([*SMALL, "checkpoints.every_steps=2"])
    forked.begin(config, run_dir)
    assert forked.join([forked.start(forked.work, config, run_dir, None, 30)]) == [-9]
    assert forked.join([forked.start(command, "resume=one", "threads=1")]) == [0], capfd.readouterr().err
    assert "test/accuracy" in capfd.readouterr().out
    assert len(json.loads((run_dir / "provenance.json").read_text())["resumed"]) == 1
    with pytest.raises(UserError, match="has ended and has its result"):
        launch(compose([*SMALL, "resume=one"]))
    with pytest.raises(UserError, match="finds no unfinished run"):
        launch(compose([*SMALL, "resume=auto"]))


def make(task: str, root: Path, barrier: Barrier) -> None:
    barrier.wait()
    path = directory.create(None, task, str(root))
    (path / "mine").open("x").close()


def test_twenty_runs_started_at_one_instant_have_twenty_directories(tmp_path: Path) -> None:
    barrier = forked.FORK.Barrier(20)
    assert forked.join([forked.start(make, "graph", tmp_path, barrier) for _ in range(20)]) == [0] * 20
    made = list(tmp_path.glob("graph/*"))
    assert len(made) == 20
    assert all([entry.name for entry in path.iterdir()] == ["mine"] for path in made)


def test_another_config_does_not_go_on_as_the_same_run(tmp_path: Path) -> None:
    config = compose([*SMALL, "checkpoints.every_steps=2"])
    forked.begin(config, tmp_path / "run")
    assert forked.join([forked.start(forked.work, config, tmp_path / "run", None, 30)]) == [-9]
    changed = compose([*SMALL, "optim.lr=0.5", "seed=3", "resume=auto", f"run_dir={tmp_path / 'run'}"])
    with pytest.raises(UserError, match=r"optim\.lr is 0\.5 here and 0\.002 in the run; seed is 3 here and 1"):
        launch(changed)

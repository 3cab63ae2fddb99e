"""Studies: stopped and resumed, with trials that are pruned, and trials of two processes."""

import json
import os
import signal
from pathlib import Path

import pytest

from suite.cli.main import main
from suite.sweep import trial
from suite.sweep.space import parse
from suite.sweep.study import Study
from suite.training.state import checkpoint_file
from tests.sweep.conftest import BASE, table
from tests.training import forked
from tests.training.forked import TASKS
from tests.waiting import wait_until

REAL = trial.ATTN


def test_a_stopped_sweep_goes_on_with_the_trials_that_ran(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "optim.lr=choice(0.1,0.2,0.3,0.5)",
        "sweep.trials=5",
        "sweep.parallel=2",
        "+pause=0.3",
        "+steps=6",
        "sweep.prune=false",
    ]
    process = forked.start(lambda: os._exit(main([*BASE, *words, "sweep.dir=s"])))
    wait_until(lambda: forked.alive(process) and len(list(Path("s/trials").glob("*/starts"))) >= 3, 60)
    os.kill(process.pid, signal.SIGINT)
    assert forked.join([process]) == [130]
    assert main(["sweep", "resume=s", "sweep.trials=6"]) == 0
    rows = table()
    assert sorted(int(row["trial"]) for row in rows) == list(range(6))
    assert [row["failure"] for row in rows if row["state"] != "complete"] == []


def test_a_trial_that_falls_behind_is_ended(tmp_path: Path) -> None:
    options = ["sweep.warmup=2", "+steps=12", "+pause=0.1", "sweep.trials=4"]
    sweep = parse([*BASE[1:], "optim.lr=choice(0.3,0.9)", *options])
    printed: list[str] = []
    study = Study(sweep, tmp_path, "val/accuracy", "max", printed.append)
    for lr in (0.3, 0.3, 0.3, 0.9):
        study.study.enqueue_trial({"optim.lr": lr})
    study.run()
    states = [found.state.name for found in study.study.get_trials()]
    assert states[:3] == ["COMPLETE"] * 3
    assert states[3] == "PRUNED"
    assert "pruned" in printed[3]


@pytest.mark.slow
def test_four_trials_of_two_processes_agree(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Real trials: in each, both processes had one config and one set of weights."""
    monkeypatch.setattr(trial, "ATTN", REAL)
    words = ["trainer=ddp_cpu", "optim.lr=tag(log,interval(1e-4,1e-1))", "sweep.trials=4", "sweep.dir=s"]
    assert main(["sweep", *TASKS["documents"], *words]) == 0, capfd.readouterr()
    rates = set()
    for number in range(4):
        _, content = checkpoint_file.recover(Path(f"s/trials/{number:04d}/checkpoints"))
        hashes = {process["weights"] for process in content["processes"]}
        assert len(content["processes"]) == 2
        assert len(hashes) == 1
        rates.add(content["config"]["optim"]["lr"])
        assert json.loads(Path(f"s/trials/{number:04d}/result.json").read_text())["val/accuracy"] >= 0
    assert len(rates) == 4

"""attn sweep: a study in a file, a process a trial; trials here are a stand-in for attn train that starts at once."""

import csv
import json
import os
import signal
import sys
from pathlib import Path

import pytest
import yaml

from suite.cli.main import main
from suite.errors import UserError
from suite.sweep import trial
from suite.sweep.space import parse
from suite.sweep.study import Study
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.training.run.test_resume import TASKS
from tests.waiting import wait_until

STAND_IN = """
import json, os, pathlib, signal, sys, time
words = dict(word.split("=", 1) for word in sys.argv[2:])
lr, run = float(words["optim.lr"]), pathlib.Path(words["run_dir"])
if words.get("model.num_heads") == "3":
    sys.exit(print("attn: model: three heads is one too many", file=sys.stderr) or 2)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
run.mkdir(parents=True, exist_ok=True)
labels = [os.environ.get("CUDA_VISIBLE_DEVICES", "-"), os.environ["WANDB_RUN_GROUP"]]
(run / "starts").open("a").write(" ".join(labels) + "\\n")
with (run / "metrics.csv").open("w") as file:
    file.write("step,val/accuracy\\n")
    for step in range(int(words.get("+steps", "2"))):
        file.write(f"{step},{1 - abs(lr - 0.3)}\\n")
        file.flush()
        time.sleep(float(words.get("+pause", "0")))
(run / "result.json").write_text(json.dumps({"val/accuracy": 1 - abs(lr - 0.3)}))
"""
REAL = trial.ATTN
BASE = ["sweep", "task=graph", "data=graph/synthetic"]


@pytest.fixture(autouse=True)
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setattr(trial, "ATTN", [sys.executable, "-S", str(tmp_path / "stand_in.py")])
    monkeypatch.chdir(tmp_path)


def table(folder: str = "s") -> list[dict[str, str]]:
    with Path(folder, "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_sweep_finds_the_best_tells_failures_at_once_and_draws(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["optim.lr=interval(0.01,1.0)", "model.num_heads=choice(2,3)", "sweep.trials=9", "sweep.parallel=3"]
    assert main([*BASE, *words, "sweep.dir=s"]) == 0
    told, rows = capsys.readouterr().out, table()
    assert len(rows) == 9
    failed = [row for row in rows if row["model.num_heads"] == "3"]
    assert failed
    assert all((row["state"], row["failure"]) == ("failed", "model: three heads is one too many") for row in failed)
    assert "FAILED (model: three heads is one too many)" in told
    done = [float(row["value"]) for row in rows if row["state"] == "complete"]
    assert done == sorted(done, reverse=True)
    assert Path("s/sweep.png").stat().st_size > 5000


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
    told: list[str] = []
    study = Study(sweep, tmp_path, "val/accuracy", "max", told.append)
    for lr in (0.3, 0.3, 0.3, 0.9):
        study.study.enqueue_trial({"optim.lr": lr})
    study.run()
    states = [found.state.name for found in study.study.get_trials()]
    assert states[:3] == ["COMPLETE"] * 3
    assert states[3] == "PRUNED"
    assert "pruned" in told[3]


def test_trials_share_devices_and_carry_the_name_of_the_sweep() -> None:
    words = ["optim.lr=interval(0.1,0.9)", "sweep.trials=4", "sweep.devices=['0,1','2,3']", "sweep.dir=s"]
    assert main([*BASE, *words]) == 0
    starts = {path.read_text().strip() for path in Path("s/trials").glob("*/starts")}
    assert starts == {"0,1 s", "2,3 s"}


def test_wandbs_own_sweep_starts_our_launcher() -> None:
    words = ["optim.lr=tag(log,interval(1e-4,1e-1))", "model.num_heads=choice(4,8)", "seed=range(1,9)"]
    assert main([*BASE, *words, "trainer=ddp_cpu", "sweep.wandb=sweep.yaml"]) == 0
    made = yaml.safe_load(Path("sweep.yaml").read_text())
    assert made["metric"] == {"name": "val/accuracy", "goal": "maximize"}
    assert made["parameters"]["optim.lr"] == {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1}
    assert made["parameters"]["model.num_heads"] == {"values": [4, 8]}
    assert made["parameters"]["seed"] == {"distribution": "int_uniform", "min": 1, "max": 8}
    assert made["command"] == ["attn", "train", *BASE[1:], "trainer=ddp_cpu", "logger=wandb", "${args_no_hyphens}"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optim.lr=0.1"], "nothing varies"),
        (["optim.lr=choice(1,2)", "sweep.trails=3"], "Did you mean 'trials'"),
        (["optim.lr=choice(1,2)", "sweep.trials=0"], "sweep.trials must be at least 1, got 0"),
        (["optim.rl=choice(1.0,2.0)"], "Did you mean 'lr'"),
        (["optim.lr=choice(1.0,2.0)", "sweep.monitor=test/accuracy"], "would choose by the test split"),
        (["optim.lr=choice(1.0,2.0)", "sweep.monitor=val/f1"], "needs sweep.mode"),
        (["optim.lr=choice(1.0,2.0)", "sweep.mode=best"], "must be max or min"),
        (["resume=gone"], "resume=gone is not the directory of a sweep"),
        (["--resume", "gone"], "resume a sweep with: attn sweep resume=DIR"),
    ],
)
def test_what_cannot_be_swept_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*BASE, *words] if "resume" not in words[0] else ["sweep", *words]) == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_range_ends_before_its_stop_as_hydras_does() -> None:
    (item,) = parse(["model.head_dim=range(4,17,4)"]).space
    assert (item.low, item.high, item.step) == (4, 16, 4)
    with pytest.raises(UserError, match="the step of a range must be a whole number"):
        parse(["model.dropout=range(0,1,0.1)"])


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

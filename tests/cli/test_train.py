"""``attn train``: one run, several runs, help, and runs that resume."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from suite.training.state import checkpoint_file
from tests.cli.conftest import Attn

SMALL = ("task=graph", "data=graph/synthetic", "debug=short")


def test_a_run_from_command_to_result_and_back(attn_process: Attn, attn: Attn, tmp_path: Path) -> None:
    done = attn_process("train", *SMALL, "run_dir=run", "seed=5")
    assert done.returncode == 0, done.stderr
    assert "test/accuracy" in done.stdout
    assert "attn eval ckpt=run/checkpoints/best.ckpt" in done.stdout
    assert done.stderr == ""
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert (result["task"], result["seed"], result["epochs"]) == ("graph", 5, 60)
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert config["optim"]["lr"] == 5e-3
    provenance = json.loads((tmp_path / "run/provenance.json").read_text())
    assert provenance["command"].startswith("attn train task=graph")
    with (tmp_path / "run/metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["val/accuracy"]]
    assert [int(row["step"]) for row in rows] == list(range(1, 61))
    best = rows[result["best_epoch"] - 1]
    assert float(best["val/accuracy"]) == result["val/accuracy"]

    again = attn("eval", "ckpt=run/checkpoints/best.ckpt")
    assert again.returncode == 0, again.stderr
    assert f"{result['test/accuracy']:.4f}" in again.stdout
    val = attn("eval", "ckpt=run/checkpoints/best.ckpt", "split=val", "trainer.accelerator=cpu")
    assert f"{result['val/loss']:.4f}" in val.stdout


def test_a_sweep_runs_every_combination_in_a_directory_of_its_own(attn: Attn, tmp_path: Path) -> None:
    done = attn("train", "-m", *SMALL, "seed=1,2", "model=graph/gat,graph/gatv2")
    assert done.returncode == 0, done.stderr
    results = [json.loads(path.read_text()) for path in tmp_path.glob("runs/graph/*/result.json")]
    assert sorted(result["seed"] for result in results) == [1, 1, 2, 2]
    assert not list(tmp_path.glob("multirun.yaml"))


@pytest.mark.slow
def test_a_sweep_starts_two_processes_a_run(attn: Attn, tmp_path: Path) -> None:
    done = attn("train", "-m", *SMALL, "seed=1,2", "trainer=ddp_cpu")
    assert done.returncode == 0, done.stderr
    runs = [path.parent for path in tmp_path.glob("runs/graph/*/result.json")]
    assert sorted(json.loads((run / "result.json").read_text())["seed"] for run in runs) == [1, 2]
    for run in runs:
        processes = checkpoint_file.recover(run / "checkpoints")[1]["processes"]
        assert len(processes) == 2
        assert processes[0]["weights"] == processes[1]["weights"]


@pytest.mark.slow
def test_submitits_launcher_runs_each_job_in_a_process_of_its_own(attn: Attn, tmp_path: Path) -> None:
    """Its local executor; on a cluster the same with hydra/launcher=submitit_slurm."""
    done = attn("train", *SMALL, "seed=1,2", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5", "-m")
    assert done.returncode == 0, done.stderr
    runs = [path.parent for path in tmp_path.glob("runs/graph/*/result.json")]
    assert sorted(json.loads((run / "result.json").read_text())["seed"] for run in runs) == [1, 2]
    commands = {json.loads((run / "provenance.json").read_text())["command"] for run in runs}
    assert len(commands) == 1
    assert commands.pop().startswith("attn train ")
    wrong = attn("train", *SMALL, "optim.lr=-1", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5", "-m")
    assert wrong.returncode == 2
    assert "optim: Invalid learning rate: -1" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_help_and_config_are_hydras(attn: Attn) -> None:
    helped = attn("train", "--help")
    assert helped.returncode == 0
    assert "model/graph: gat, gatv2" in helped.stdout
    shown = attn("train", *SMALL, "--cfg", "job")
    assert yaml.safe_load(shown.stdout)["task_name"] == "graph"

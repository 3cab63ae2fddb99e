"""Two processes train one model and measure one number: gloo for real, on one CPU."""

import csv
import json
import random
from pathlib import Path

import pytest

from suite.api.evaluate import evaluate
from suite.config.compose import compose
from tests.training import forked
from tests.training.forked import TASKS, together


def losses(run_dir: Path, name: str = "train/loss") -> list[float]:
    with (run_dir / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_trains_with_two_processes_and_measures_what_one_does(task: str, tmp_path: Path) -> None:
    config = compose([*TASKS[task], "trainer=ddp_cpu"])
    assert together(config, tmp_path / "run") == [0, 0]
    assert losses(tmp_path / "run")[-1] < losses(tmp_path / "run")[0]
    result = json.loads((tmp_path / "run/result.json").read_text())
    for split in ("val", "test"):
        alone = evaluate(tmp_path / "run/checkpoints/best.ckpt", split)
        assert alone.keys() == {name for name in result if name.startswith(f"{split}/")}
        for name, value in alone.items():
            assert result[name] == pytest.approx(value, abs=1e-6), name


def check_kills(task: str, kills: int, folder: Path) -> None:
    rng = random.Random(task)
    config = compose([*TASKS[task], "trainer=ddp_cpu"])
    assert together(config, folder / "whole") == [0, 0]
    for number in range(kills):
        every = {"every_seconds": None, "every_steps": rng.randint(1, 5)}
        changed, run_dir, rank = {**config, "checkpoints": every}, folder / str(number), rng.randint(0, 1)
        codes = together(changed, run_dir, kill_at=rng.randint(5, 30), rank=rank)
        assert codes[rank] == -9
        assert codes[1 - rank] != 0
        assert together(changed, run_dir) == [0, 0]
        forked.assert_same(forked.left(run_dir), forked.left(folder / "whole"))


def test_a_killed_process_ends_the_other_and_the_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    check_kills("documents", 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_ten_killed_processes(task: str, tmp_path: Path) -> None:
    check_kills(task, 10, tmp_path)


def test_an_equal_global_batch_gives_an_equal_curve(tmp_path: Path) -> None:
    """Two batches an optimiser step: of two processes, or one behind the other."""
    task = [*TASKS["documents"], "data.batch_size=6", "model.dropout=0.0", "attention.dropout=0.0"]
    alone = compose([*task, "trainer.accumulate_grad_batches=2"])
    forked.begin(alone, tmp_path / "one")
    assert forked.join([forked.start(forked.work, alone, tmp_path / "one")]) == [0]
    assert together(compose([*task, "trainer=ddp_cpu"]), tmp_path / "two") == [0, 0]
    for name in ("train/loss", "val/loss"):
        assert losses(tmp_path / "two", name) == pytest.approx(losses(tmp_path / "one", name), rel=1e-5)

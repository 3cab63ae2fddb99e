"""Options of the Trainer in a run."""

import csv
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.run.launch import launch
from tests.training.forked import TASKS


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("option", ["trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.1"])
def test_options_of_the_trainer_train(option: str, tmp_path: Path) -> None:
    run = launch(compose([*TASKS["recommender"], "trainer.max_epochs=2", option, f"run_dir={tmp_path / 'run'}"]))
    losses = [float(row["train/loss"]) for row in rows(run) if row["train/loss"]]
    assert losses[-1] < losses[0]

"""Options of the Trainer in a run."""

from pathlib import Path

import pytest

from suite.api.run import Run
from suite.config.compose import compose
from suite.training.run.launch import launch
from tests.training.forked import TASKS


@pytest.mark.parametrize("option", ["trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.1"])
def test_options_of_the_trainer_train(option: str, tmp_path: Path) -> None:
    run = launch(compose([*TASKS["recommender"], "trainer.max_epochs=2", option, f"run_dir={tmp_path / 'run'}"]))
    losses = [row["train/loss"] for row in Run(run).history if "train/loss" in row]
    assert losses[-1] < losses[0]

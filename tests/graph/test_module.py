"""The Lightning module of the graph task."""

import json
from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.run.launch import launch


@pytest.mark.parametrize("passes", [1, 7, 1000])
def test_the_number_of_passes_in_a_lightning_step_changes_nothing(passes: int, tmp_path: Path) -> None:
    overrides = ["task=graph", "data=graph/synthetic", "seed=3", "trainer.max_steps=23"]
    for name, number in (("one", 1), ("many", passes)):
        launch(compose([*overrides, f"module.passes={number}", f"run_dir={tmp_path / name}"]))
    one, many = (
        torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name in ("one", "many")
    )
    assert all(torch.equal(one[key], many[key]) for key in one)
    rows = [(tmp_path / name / "metrics.csv").read_text() for name in ("one", "many")]
    assert rows[0] == rows[1]
    assert len(rows[0].splitlines()) == 1 + 23 + 1  # a header, the passes, the test


def test_patience_ends_training_between_two_passes(tmp_path: Path) -> None:
    overrides = ["task=graph", "data=graph/synthetic", "selection.patience=3", f"run_dir={tmp_path / 'run'}"]
    result = json.loads((launch(compose(overrides)) / "result.json").read_text())
    content = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert result["epochs"] == content["global_step"]
    assert result["epochs"] % 50


def test_a_schedule_is_rejected(tmp_path: Path) -> None:
    overrides = ["task=graph", "data=graph/synthetic", "schedule=linear", f"run_dir={tmp_path / 'run'}"]
    with pytest.raises(UserError, match="use schedule=constant"):
        launch(compose(overrides))

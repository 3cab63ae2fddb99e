"""Initial weights, calibration and bags in training."""

from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.load import restore
from suite.training.run.launch import launch
from tests.oct.conftest import SYNTHETIC


def test_the_temperature_is_saved_with_the_weights(checkpoint: Path) -> None:
    _, module, *_ = restore(checkpoint, [])
    assert float(module.net.temperature) != 1.0


def test_bags_of_patients_need_a_network_that_takes_them(tmp_path: Path) -> None:
    bags = [*SYNTHETIC, "data.bags=patient", "data.num_scans=160", "debug=one_pass"]
    launch(compose([*bags, "model=oct/mil", f"run_dir={tmp_path / 'mil'}"]))
    with pytest.raises(UserError, match="set model=oct/mil"):
        launch(compose([*bags, f"run_dir={tmp_path / 'cnn'}"]))


def test_training_starts_from_the_weights_of_another_run(checkpoint: Path, tmp_path: Path) -> None:
    more = ["data.height=32", "data.width=64", "debug=one_pass", "optim.lr=1e-9"]
    run = launch(compose([*SYNTHETIC, *more, f"module.start={checkpoint}", f"run_dir={tmp_path / 'run'}"]))
    before, after = (
        torch.load(path, weights_only=True)["state_dict"]["net.encoder.laterals.0.weight"]
        for path in (checkpoint, run / "checkpoints/last.ckpt")
    )
    torch.testing.assert_close(before, after)
    other = [*SYNTHETIC, "model=oct/vit", "debug=one_pass", f"module.start={checkpoint}", f"run_dir={tmp_path / 'vit'}"]
    with pytest.raises(UserError, match="no weights that fit"):
        launch(compose(other))

"""Modules are rebuilt from their checkpoints."""

from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.load import restore
from suite.training.run.launch import launch


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("load")
    overrides = ["task=graph", "data=graph/synthetic", "debug=one_pass", f"run_dir={folder / 'run'}"]
    return launch(compose(overrides)) / "checkpoints/best.ckpt"


def test_weights_config_and_facts_are_those_of_the_run(checkpoint: Path) -> None:
    config, module, facts, _ = restore(checkpoint, [])
    content = torch.load(checkpoint, weights_only=True)
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in content["state_dict"].items())
    assert facts == content["facts"]
    assert config["task_name"] == "graph"
    assert module.hparams["facts"] == facts
    assert not module.training


def test_overrides_change_known_keys_only(checkpoint: Path) -> None:
    assert restore(checkpoint, ["trainer.accelerator=cpu"]).config["trainer"]["accelerator"] == "cpu"
    with pytest.raises(UserError, match="Did you mean 'accelerator'"):
        restore(checkpoint, ["trainer.acelerator=cpu"])


def test_weights_that_do_not_fit_are_rejected(checkpoint: Path) -> None:
    with pytest.raises(UserError, match="do not fit the network"):
        restore(checkpoint, ["model.head_dim=3"])

"""Training stops on NaN and Inf, and when processes differ."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.config import RunConfig
from suite.training.run import process as running
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.training.forked import TASKS


@pytest.mark.parametrize("where", ["loss", "gradient", "input"])
def test_a_number_that_is_none_stops_before_the_step_and_names_the_batch(where: str, tmp_path: Path) -> None:
    config = compose(["task=documents", "data=documents/synthetic", "data.batch_size=7", "trainer.max_epochs=4"])
    run_dir = forked.begin(config, tmp_path / "run")
    data, module = running.prepare(RunConfig.parse(config))
    original, before = module.compute_loss, {}

    def spoiled(batch: object) -> torch.Tensor:
        if module.global_step == 12:
            before.update({name: tensor.clone() for name, tensor in module.state_dict().items()})
            if where == "input":
                parameter = next(module.net.parameters())
                return original(batch) + (parameter * torch.tensor(float("nan"))).sum()
            loss = original(batch)
            if where == "gradient":
                loss = loss + torch.sqrt(next(module.net.parameters()).sum() * 0.0)  # 0 itself, its slope is not finite
            return loss * float("inf") if where == "loss" else loss
        return original(batch)

    module.compute_loss = spoiled
    with pytest.raises(UserError, match=r"training stopped at step 13, batch 3 in epoch 1: .*(loss is|gradient of)"):
        running.run(RunConfig.parse(config), run_dir, data, module)
    state = checkpoint_file.load(run_dir / "checkpoints/before_failure.ckpt")["state_dict"]
    assert all(torch.equal(before[name], tensor) for name, tensor in state.items())


def disagree(config: dict[str, Any], run_dir: Path, what: str) -> None:
    """A worker whose config or weights are not those of the others."""
    odd = os.environ["RANK"] == "1"
    if what == "config" and odd:
        config = {**config, "optim": {**config["optim"], "lr": 0.123}}
    data, module = running.prepare(RunConfig.parse(config))
    if what == "weights" and odd:  # behind the start, where process 0 hands its weights out
        module.on_train_epoch_start = lambda: next(module.parameters()).data.add_(1e-6)
    try:
        running.run(RunConfig.parse(config), run_dir, data, module)
    except UserError as error:
        assert f"the {what} of process 1 differs from that of process 0" in str(error)
        os._exit(2)


@pytest.mark.parametrize("what", ["config", "weights"])
def test_processes_that_disagree_stop_the_run(what: str, tmp_path: Path) -> None:
    config = compose([*TASKS["recommender"], "trainer=ddp_cpu"])
    forked.begin(config, tmp_path / "run")
    assert forked.join(forked.ranks(disagree, config, tmp_path / "run", what)) == [2, 2]

"""What makes training faster or steadier, and changes nothing else."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.callbacks.averaging import WeightAveraging
from suite.training.compile import compile_blocks
from suite.training.run.launch import launch
from suite.training.run.resume import FREE
from tests.attention.conftest import needs_compiler
from tests.training import forked
from tests.training.run.test_resume import TASKS, resumed


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_average_is_that_of_a_slow_loop() -> None:
    torch.manual_seed(0)
    net, averaging = nn.Linear(3, 2), WeightAveraging(0.5)
    expected: Any = None
    for step in range(1, 9):
        with torch.no_grad():
            net.weight.copy_(torch.randn(2, 3))
        averaging.update(net, step)
        averaging.update(net, step)  # no step since: nothing changes
        d = min(0.5, (1 + step) / (10 + step))
        expected = net.weight.detach().clone() if expected is None else d * expected + (1 - d) * net.weight.detach()
    assert averaging.average is not None
    torch.testing.assert_close(averaging.average["weight"], expected)
    with pytest.raises(UserError, match=r"must be in \(0, 1\), got 1.0"):
        WeightAveraging(1.0)


def test_averaged_weights_are_measured_and_kept_and_survive_a_kill(tmp_path: Path) -> None:
    config = compose([*TASKS["documents"], "callbacks=averaging", "callbacks.averaging.decay=0.9"])
    whole = resumed(config, tmp_path / "whole", [])
    plain = resumed(compose(TASKS["documents"]), tmp_path / "plain", [])
    name = next(iter(whole["states"]["last.ckpt"]))
    assert torch.equal(whole["states"]["last.ckpt"][name], plain["states"]["last.ckpt"][name]), "training is the same"
    assert whole["metrics"][0]["val/loss"] != plain["metrics"][0]["val/loss"]
    assert not torch.equal(whole["states"]["best.ckpt"][name], plain["states"]["best.ckpt"][name])
    saved_often = {**config, "checkpoints": {"every_seconds": None, "every_steps": 2}}
    forked.assert_same(resumed(saved_often, tmp_path / "killed", [31]), whole)


@pytest.mark.parametrize("option", ["trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.1"])
def test_options_of_the_trainer_train(option: str, tmp_path: Path) -> None:
    run = launch(compose([*TASKS["recommender"], "trainer.max_epochs=2", option, f"run_dir={tmp_path / 'run'}"]))
    losses = [float(row["train/loss"]) for row in rows(run) if row["train/loss"]]
    assert losses[-1] < losses[0]


@pytest.mark.filterwarnings("ignore")  # the compiler's own, while it is imported
def test_blocks_of_stacks_are_compiled_and_what_holds_none_as_a_whole() -> None:
    net = nn.ModuleDict({"stack": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]), "whole": nn.Sequential(nn.Tanh())})
    net["deep"] = nn.ModuleDict({"stack": nn.ModuleList([nn.GELU()]), "norm": nn.LayerNorm(2)})
    names = list(net.state_dict())
    compile_blocks(net)
    compiled = {name for name, part in net.named_modules() if part._compiled_call_impl is not None}
    assert compiled == {"stack.0", "stack.1", "whole", "deep.stack.0", "deep.norm"}
    assert list(net.state_dict()) == names


# Dropout has masks of its own in torch's compiler and in the optional kernels.
STEADY = {
    "graph": ["model.dropout=0", "model.feature_dropout=0", "attention.dropout=0"],
    "recommender": ["model.dropout=0", "attention.dropout=0"],
    "speech": ["model.encoder.dropout=0", "model.decoder.dropout=0"],
}


def losses(task: str, run_dir: Path, *words: str) -> list[float]:
    """The losses of one pass."""
    run = launch(compose([*TASKS[task], *STEADY.get(task, []), "debug=one_pass", f"run_dir={run_dir}", *words]))
    return [float(row["train/loss"]) for row in rows(run) if row["train/loss"]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler gives several of its own, about its own calls
@pytest.mark.parametrize("task", TASKS)
def test_a_compiled_network_trains_to_the_same_numbers(task: str, tmp_path: Path) -> None:
    plain, compiled = (losses(task, tmp_path / choice, f"compile={choice}") for choice in ("false", "true"))
    assert compiled == pytest.approx(plain, rel=1e-4)


@needs_compiler
@pytest.mark.parametrize("task", STEADY)
def test_compiled_kernels_train_to_the_same_numbers(task: str, tmp_path: Path) -> None:
    plain, compiled = (
        losses(task, tmp_path / choice, f"attention.implementation={choice}") for choice in ("auto", "compiled")
    )
    assert compiled == pytest.approx(plain, rel=1e-4)


@needs_compiler
def test_compiled_kernels_repeat_a_run_under_its_seed(tmp_path: Path) -> None:
    words = [*TASKS["recommender"], "debug=one_pass", "attention.implementation=compiled", "attention.dropout=0.3"]
    runs = [launch(compose([*words, f"run_dir={tmp_path / name}"])) for name in ("one", "two")]
    assert (runs[0] / "metrics.csv").read_text() == (runs[1] / "metrics.csv").read_text()


def test_what_a_resumed_run_may_change_is_a_key_of_the_config() -> None:
    config = compose(TASKS["documents"])
    assert set(FREE) <= {*config, "predict"}

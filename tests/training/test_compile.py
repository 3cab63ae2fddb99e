"""Compiled networks train to the same losses."""

import csv
from pathlib import Path

import pytest
from torch import nn

from suite.config.compose import compose
from suite.training.compile import compile_blocks
from suite.training.run.launch import launch
from tests.training.forked import TASKS


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


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

"""Compiled networks train to the same losses."""

from pathlib import Path

import pytest
from torch import nn

from suite.training.compile import compile_blocks
from tests.training.forked import TASKS
from tests.training.one_pass import losses


@pytest.mark.filterwarnings("ignore")  # the compiler's own, while it is imported
def test_blocks_of_stacks_are_compiled_and_what_holds_none_as_a_whole() -> None:
    net = nn.ModuleDict({"stack": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]), "whole": nn.Sequential(nn.Tanh())})
    net["deep"] = nn.ModuleDict({"stack": nn.ModuleList([nn.GELU()]), "norm": nn.LayerNorm(2)})
    names = list(net.state_dict())
    compile_blocks(net)
    compiled = {name for name, part in net.named_modules() if part._compiled_call_impl is not None}
    assert compiled == {"stack.0", "stack.1", "whole", "deep.stack.0", "deep.norm"}
    assert list(net.state_dict()) == names


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler gives several of its own, about its own calls
@pytest.mark.parametrize("task", TASKS)
def test_a_compiled_network_trains_to_the_same_numbers(task: str, tmp_path: Path) -> None:
    plain, compiled = (losses(task, tmp_path / choice, f"compile={choice}") for choice in ("false", "true"))
    assert compiled == pytest.approx(plain, rel=1e-4)

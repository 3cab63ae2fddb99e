"""Two processes that hold half of the weights each train as two that hold all of them."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from suite.api.evaluate import evaluate
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.config import RunConfig
from suite.training.processes import sharded_weights
from suite.training.run import process as running
from suite.training.state import checkpoint_file
from tests.parity.test_two_processes import disagree, together
from tests.training import forked
from tests.training.run.test_resume import TASKS

FSDP = ["trainer=fsdp", "trainer.accelerator=cpu"]


def rows(run_dir: Path, of: str) -> list[list[float]]:
    with (run_dir / "metrics.csv").open() as file:
        return [[float(value) for name, value in row.items() if value and of in name] for row in csv.DictReader(file)]


def small(task: str, *more: str) -> list[str]:
    return [*TASKS[task], *([] if task == "graph" else ["trainer.max_epochs=2"]), *more]


def check(task: str, folder: Path, *more: str, of: str = "") -> None:
    """Shards train to the figures of whole weights, and what they saved opens in one process."""
    assert together(compose(small(task, "trainer=ddp_cpu", *more)), folder / "whole") == [0, 0]
    assert together(compose(small(task, *FSDP, *more)), folder / "cut") == [0, 0]
    for cut, whole in zip(rows(folder / "cut", of), rows(folder / "whole", of), strict=True):
        assert cut == pytest.approx(whole, abs=1e-4)
    result = json.loads((folder / "cut/result.json").read_text())
    assert result["params"] == json.loads((folder / "whole/result.json").read_text())["params"]
    for split in ("val", "test"):
        for name, value in evaluate(folder / "cut/checkpoints/best.ckpt", split).items():
            assert result[name] == pytest.approx(value, abs=1e-6), name


def test_documents_and_their_average_train_by_shards(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("superb " + " ".join(["0.25"] * 200) + "\n")
    vectors = f"module.vectors={tmp_path / 'v.txt'}"
    check("documents", tmp_path, "trainer.gradient_clip_val=0.05", "callbacks=averaging", vectors)


@pytest.mark.slow
def test_a_graph_trains_by_shards(tmp_path: Path) -> None:
    check("graph", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["recommender", "speech", "oct"])
def test_the_other_tasks_train_by_shards(task: str, tmp_path: Path) -> None:
    check(task, tmp_path, of="loss" if task == "oct" else "")  # equal but for rounding, scans change places in a rank


@pytest.mark.slow
def test_a_killed_run_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    """To the same bits with two; with one, whole, from the same place."""
    words = small("documents", "callbacks=averaging", "checkpoints.every_steps=3")
    config, run_dir = compose([*words, *FSDP]), tmp_path / "killed"
    assert together(config, tmp_path / "whole") == [0, 0]
    assert together(config, run_dir, kill_at=20, rank=1)[1] == -9
    saved = checkpoint_file.recover(run_dir / "checkpoints")[1]
    assert 0 < saved["global_step"] < checkpoint_file.recover(tmp_path / "whole/checkpoints")[1]["global_step"]
    for state in saved["optimizer_states"][0]["state"].values():
        assert type(state["exp_avg"]) is torch.Tensor
    alone = tmp_path / "alone"
    (alone / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "provenance.json", "checkpoints/last.ckpt"):
        (alone / name).write_bytes((run_dir / name).read_bytes())
    assert together(config, run_dir) == [0, 0]
    forked.assert_same(forked.left(run_dir), forked.left(tmp_path / "whole"))
    one = compose([*words, f"trainer.max_steps={saved['global_step'] + 2}"])
    assert forked.join([forked.start(forked.work, one, alone, str(alone))]) == [0]
    assert checkpoint_file.recover(alone / "checkpoints")[1]["global_step"] == saved["global_step"] + 2


def test_processes_that_begin_with_other_weights_stop(tmp_path: Path) -> None:
    config = compose([*TASKS["recommender"], *FSDP])
    forked.begin(config, tmp_path / "run")
    assert forked.join(forked.ranks(disagree, config, tmp_path / "run", "config")) == [2, 2]


def spoil(config: dict[str, Any], run_dir: Path) -> None:
    """Two processes, of which the second has a loss that is no number."""
    data, module = running.prepare(RunConfig.parse(config))
    original = module.compute_loss
    if os.environ["RANK"] == "1":
        module.compute_loss = lambda batch: original(batch) * (float("nan") if module.global_step == 3 else 1.0)
    try:
        running.run(RunConfig.parse(config), run_dir, data, module)
    except UserError as error:
        assert "training stopped at step 4, batch 3" in str(error)
        assert "its loss is nan" in str(error)
        os._exit(2)


def test_a_loss_that_is_no_number_stops_both_and_the_weights_before_are_whole(tmp_path: Path) -> None:
    config = compose(small("documents", *FSDP))
    forked.begin(config, tmp_path / "run")
    assert forked.join(forked.ranks(spoil, config, tmp_path / "run")) == [2, 2]
    state = checkpoint_file.load(tmp_path / "run/checkpoints/before_failure.ckpt")["state_dict"]
    assert all(bool(tensor.isfinite().all()) for tensor in state.values())
    assert state["net.embedding.weight"].shape[1] == 200


class Block(nn.Linear):
    """A block that is entered by one more method."""

    def step(self) -> None:
        """Nothing."""


def halves() -> None:
    """In each of two processes: what is cut, and that nothing is lost by it."""
    torch.distributed.init_process_group("gloo")
    mesh = torch.distributed.init_device_mesh("cpu", (2,))
    torch.manual_seed(0)
    net = nn.Module()
    net.blocks = nn.ModuleList([nn.Linear(3, 5), Block(5, 7)])
    net.last = nn.Linear(7, 1)
    net.register_buffer("count", torch.tensor(float(torch.distributed.get_rank())), persistent=False)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    sharded_weights.shard(net, mesh)
    assert [sharded_weights._sharded_modules(net)[1:]] == [[net.blocks[0]]], (
        "a block with another method belongs to the whole"
    )
    assert sharded_weights.sharded(net)
    held = sum(sharded_weights.local(parameter).numel() for parameter in net.parameters())
    total = torch.tensor(held)
    torch.distributed.all_reduce(total)
    assert int(total) == sum(tensor.numel() for tensor in before.values())
    assert held < 0.7 * int(total)
    found = sharded_weights.full_state(net)
    assert all(torch.equal(found[name], tensor) for name, tensor in before.items())
    sharded_weights.load_full_state(net, {name: tensor + 1 for name, tensor in before.items()})
    with sharded_weights.gathered_weights(net):
        assert torch.equal(net.last.weight, before["last.weight"] + 1)
        assert type(net.blocks[0].weight) is nn.Parameter
        assert float(net.count) == 0.0
    assert sharded_weights.sharded(net)
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = sharded_weights.full_optimizer_state(optimizer)
    again = torch.optim.Adam(net.parameters())
    sharded_weights.load_full_optimizer_state(again, state)
    for one, other in zip(optimizer.state.values(), again.state.values(), strict=True):
        assert torch.equal(sharded_weights.unshard(one["exp_avg"]), sharded_weights.unshard(other["exp_avg"]))
        assert torch.equal(sharded_weights.local(one["exp_avg"]), sharded_weights.local(other["exp_avg"]))
    torch.distributed.destroy_process_group()


def test_every_process_holds_its_part_and_all_together_the_whole() -> None:
    assert forked.join(forked.ranks(halves)) == [0, 0]

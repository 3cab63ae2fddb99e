"""Two processes that hold half of the weights each train as two that hold all of them."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.api.evaluate import evaluate
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.config import RunConfig
from suite.training.run import process as running
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.training.callbacks.test_guards import disagree
from tests.training.forked import TASKS, together

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

"""Data kept on the device: the same bits, each measured batch made once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.batches.resident import on_device
from suite.training.build import build_data
from suite.training.config import RunConfig
from suite.training.run import process as running
from tests.training import forked
from tests.training.forked import TASKS, resumed


@pytest.mark.parametrize("task", ["documents", "oct"])
def test_weights_are_the_same_to_the_bit(task: str, tmp_path: Path) -> None:
    small = [*TASKS[task], "trainer.max_steps=9"]
    whole = resumed(compose(small), tmp_path / "whole", [])
    kept = {**compose([*small, "resident=true"]), "checkpoints": {"every_seconds": None, "every_steps": 2}}
    forked.assert_same(resumed(kept, tmp_path / "kept", [7]), whole)


@pytest.mark.parametrize(("resident", "times"), [(False, 4), (True, 2)])  # three epochs, and once for the result
def test_the_validation_split_is_made_once(resident: bool, times: int, tmp_path: Path) -> None:
    config = compose([*TASKS["oct"], f"resident={resident}", "trainer.max_epochs=3"])
    data, module = running.prepare(RunConfig.parse(config))
    loader, made = data.split_dataloader, []

    class Counted:
        def __init__(self, split: str) -> None:
            self.split = split

        def __iter__(self) -> Iterator[Any]:
            for batch in loader(self.split):
                made.append(self.split)
                yield batch

    data.split_dataloader = Counted
    running.run(RunConfig.parse(config), forked.begin(config, tmp_path / "run"), data, module)
    assert made.count("val") == times * len(loader("val"))


def test_a_process_of_its_own_cannot_reach_them() -> None:
    with pytest.raises(UserError, match="prefetch=2 cannot be combined"):
        running.prepare(RunConfig.parse(compose([*TASKS["oct"], "resident=true", "prefetch=2"])))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_of_a_gpu_are_those_of_the_cpu() -> None:
    config = compose(["task=oct", "data=oct/synthetic", "data.num_scans=32", "data.height=16", "data.width=24"])
    data = build_data(config)
    there = on_device(data.train_dataloader(), torch.device("cuda"))
    for expected, found in zip(data.train_dataloader(), there, strict=True):
        assert found.pixels.is_cuda
        assert found.lesions.is_cuda
        torch.testing.assert_close(found.to("cpu").pixels, expected.pixels, rtol=1e-4, atol=1e-4)

"""The size of batches: doubled until memory or the gain ends."""

import copy
import gc
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch

from suite.errors import UserError
from suite.find import memory
from suite.find.short import prepare_short, train

GAIN = 1.05  # a doubling that gives less is none; the smallest size this near to the best is recommended


class Size(NamedTuple):
    """What one size gave: batches of an epoch, samples of one in the mean, samples a second, memory it took."""

    value: int
    batches: int
    samples: float
    speed: float
    gib: float


class Found(NamedTuple):
    """The key below ``data``, all sizes that were tried, and why no larger one was."""

    name: str
    sizes: list[Size]
    reason: str


class _Full(Exception):  # noqa: N818
    """The bound on this process's memory is reached."""


class Timed(pl.Callback):
    """Counts samples and seconds from the end of the first batch on, which warms up, and looks at the memory.

    Args:
        bound: GiB of the CPU's memory.
        base: the process's peak before.
    """

    def __init__(self, bound: float, base: float) -> None:
        self.bound, self.base = bound, base
        self.ends: list[float] = []
        self.samples: list[int] = []
        self.gib = 0.0
        self.batches = 0  # of an epoch

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the time once the device has done its work."""
        gpu = pl_module.device.type == "cuda"
        if gpu:
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        self.samples.append(len(batch))
        self.batches = int(trainer.num_training_batches)
        self.gib = torch.cuda.max_memory_allocated() / memory.GIB if gpu else memory.peak() - self.base
        if not gpu and self.gib > self.bound:
            raise _Full

    def result(self, value: int) -> Size:
        """The figures of one size."""
        speed = sum(self.samples[1:]) / (self.ends[-1] - self.ends[0])
        return Size(value, self.batches, sum(self.samples) / len(self.samples), speed, self.gib)


def search(
    config: dict[str, Any],
    key: str | None,
    steps: int = 5,
    bound: float | None = None,
    show: Callable[[Size], None] = lambda size: None,
) -> Found:
    """Train ``steps`` steps and one to warm up with the configured size, then with twice as much, and so on.

    Ends where memory does, where two doublings in a row each gain under 5 %, or where the training part is one batch.
    A batch says by its length how many samples it has. A GPU is filled until its allocator refuses. On the CPU a
    process that asks for too much is killed, so ``bound`` ends it: GiB by which its peak may grow, half of what is free
    unless given; whatever is within it, twice as much still fits. Raises UserError for a key that is no size, and where
    there is nothing to double.
    """
    if steps < 1:
        raise UserError(f"steps={steps} must be at least 1")
    if bound is not None and bound <= 0:
        raise UserError(f"memory={bound:g} must be above 0 GiB")
    prepared: tuple[Any, Any] | None = prepare_short(config)
    assert prepared is not None
    if len(prepared[0].train_dataloader()) <= 1:
        raise UserError(f"task={config['task_name']} trains on the whole set as one batch; there is no size to double")
    name = _named(config["data"], key)
    bound = memory.free() / 2 if bound is None else bound
    value, base = config["data"][name], memory.peak()
    sizes: list[Size] = []
    while True:
        timed, asked = Timed(bound, base), copy.deepcopy(config)
        asked["data"][name] = value
        try:
            train(asked, steps + 1, timed, prepared)
        except (_Full, torch.OutOfMemoryError):
            return Found(name, _some(sizes, name, value), f"memory ends before data.{name}={value}")
        prepared = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        sizes.append(timed.result(value))
        show(sizes[-1])
        if reason := _end(sizes, name):
            return Found(name, sizes, reason)
        value *= 2


def recommended(sizes: list[Size]) -> int:
    """The smallest size within 5 % of the best: what is left of the memory is the user's."""
    best = max(size.speed for size in sizes)
    return min(size.value for size in sizes if size.speed * GAIN >= best)


def _end(sizes: list[Size], name: str) -> str | None:
    """Why no larger size is tried, or None."""
    if sizes[-1].batches == 1:
        return "the whole training part is one batch"
    if len(sizes) > 1 and sizes[-1].batches >= sizes[-2].batches:
        before, after = sizes[-2:]
        raise UserError(
            f"data.{name} is no size of batches: an epoch has {before.batches} with {before.value} and "
            f"{after.batches} with {after.value}"
        )
    slow = [after.speed < GAIN * before.speed for before, after in pairwise(sizes)]
    return "two doublings in a row gained under 5 %" if slow[-2:] == [True, True] else None


def _some(sizes: list[Size], name: str, value: int) -> list[Size]:
    if not sizes:
        raise UserError(f"memory ends at data.{name}={value} already, where the search begins; take a smaller one")
    return sizes


def _named(data: dict[str, Any], key: str | None) -> str:
    """The key below ``data``; without one the only key that speaks of a batch."""
    whole = [name for name, value in data.items() if type(value) is int and value > 0]
    batch = [name for name in whole if "batch" in name]
    name = (key or "").removeprefix("data.") or (batch[0] if len(batch) == 1 else "")
    if name in whole:
        return name
    valid = ", ".join(f"data.{name}" for name in batch or whole)
    raise UserError(f"key={key or 'null'} is no size of this task's batches; say key=KEY, one of: {valid}")

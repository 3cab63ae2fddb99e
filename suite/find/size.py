"""Search for a batch size: doubled until memory is exhausted or the speed does not increase."""

import copy
import gc
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch

from suite.errors import UserError, check_at_least
from suite.find import memory
from suite.find.short import prepare_short, train

GAIN = 1.05  # a smaller gain does not count; the smallest size this close to the fastest is recommended


class Size(NamedTuple):
    """Results of one size: batches in an epoch, mean samples in a batch, samples per second, and memory in GiB."""

    value: int
    batches: int
    samples: float
    speed: float
    gib: float


class Found(NamedTuple):
    """The key below ``data``, all sizes that were tried, and why no larger one was tried."""

    name: str
    sizes: list[Size]
    reason: str


class _Full(Exception):  # noqa: N818
    """The memory of this process has reached its limit."""


class Timed(pl.Callback):
    """Counts samples and seconds after the first batch, which is the warm-up, and measures the memory.

    Args:
        bound: limit of the growth of the process on a CPU, in GiB.
        base: peak of the process before, in GiB.
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
        """Take the time after the device has finished the batch."""
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
        """Return the results of one size."""
        speed = sum(self.samples[1:]) / (self.ends[-1] - self.ends[0])
        return Size(value, self.batches, sum(self.samples) / len(self.samples), speed, self.gib)


def search(
    config: dict[str, Any],
    key: str | None,
    steps: int = 5,
    bound: float | None = None,
    show: Callable[[Size], None] = lambda size: None,
) -> Found:
    """Train a few steps with the configured size, then with twice that size, and so on.

    The search ends when memory is exhausted, when two doublings in a row gain less than 5 %, or when the training split
    is one batch. ``len(batch)`` is the number of samples of a batch. A GPU is used until its allocator fails. On a CPU
    the system kills a process that takes too much, so the search ends at ``bound``.

    Args:
        config: resolved config of a run.
        key: of the size, below ``data``; None finds the only key whose name contains ``batch``.
        steps: number of steps that are measured, after one for warm-up.
        bound: GiB by which the peak of this process may grow on a CPU; None takes half of the free memory, so that the
            next size still fits.
        show: called with the result of each size.

    Raises:
        UserError: for a key that is not a batch size, and for a task whose batch is the whole data set.
    """
    check_at_least(1, "steps", steps)
    if bound is not None and bound <= 0:
        raise UserError(f"memory must be above 0 GiB, got {bound:g}")
    prepared: tuple[Any, Any] | None = prepare_short(config)
    assert prepared is not None
    if len(prepared[0].train_dataloader()) <= 1:
        raise UserError(f"task={config['task_name']} trains on the whole set as one batch; there is no size to double")
    name = _named(config["data"], key)
    bound = memory.free() / 2 if bound is None else bound
    value, base = config["data"][name], memory.peak()
    sizes: list[Size] = []
    while True:
        timed, changed = Timed(bound, base), copy.deepcopy(config)
        changed["data"][name] = value
        try:
            train(changed, steps + 1, timed, prepared)
        except (_Full, torch.OutOfMemoryError):
            return Found(name, _some(sizes, name, value), f"memory is exhausted before data.{name}={value}")
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
    """Return the smallest size within 5 % of the fastest, which leaves the most memory."""
    best = max(size.speed for size in sizes)
    return min(size.value for size in sizes if size.speed * GAIN >= best)


def _end(sizes: list[Size], name: str) -> str | None:
    """Return why no larger size is tried, or None."""
    if sizes[-1].batches == 1:
        return "the training split is one batch"
    if len(sizes) > 1 and sizes[-1].batches >= sizes[-2].batches:
        before, after = sizes[-2:]
        raise UserError(
            f"data.{name} is not a batch size: an epoch has {before.batches} batches with {before.value} and "
            f"{after.batches} with {after.value}"
        )
    slow = [after.speed < GAIN * before.speed for before, after in pairwise(sizes)]
    return "two doublings in a row gained less than 5 %" if slow[-2:] == [True, True] else None


def _some(sizes: list[Size], name: str, value: int) -> list[Size]:
    if not sizes:
        raise UserError(f"memory is exhausted at data.{name}={value}, the first size; set a smaller one")
    return sizes


def _named(data: dict[str, Any], key: str | None) -> str:
    """Return the key below ``data``; without ``key`` the only one whose name contains ``batch``."""
    whole = [name for name, value in data.items() if type(value) is int and value > 0]
    batch = [name for name in whole if "batch" in name]
    name = (key or "").removeprefix("data.") or (batch[0] if len(batch) == 1 else "")
    if name in whole:
        return name
    valid = ", ".join(f"data.{name}" for name in batch or whole)
    raise UserError(f"key={key or 'null'} is not a batch size of this task; set key=KEY to one of: {valid}")

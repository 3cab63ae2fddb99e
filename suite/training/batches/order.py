"""Batches dealt to processes: the order follows from seed and epoch alone, and can be entered anywhere.

All that is asked of a training loader is what any iterable gives: batches, in an order that may be drawn from the
global generators of Python, NumPy and torch, or from what ``set_epoch`` tells. While the loader runs, and for it
alone, the generators are seeded by (seed, epoch); so every process sees the same order, a resumed run sees it again,
and dropout is not disturbed. A generator of the loader's own that remembers the epochs before would break this.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch.distributed as dist

from suite.training.batches.prefetch import Prefetch
from suite.training.batches.resident import on_device
from suite.training.state.randomness import Stream

_END = object()


class ProcessRank(NamedTuple):
    """Which process this is, of how many."""

    rank: int = 0
    world: int = 1

    @classmethod
    def current(cls) -> "ProcessRank":
        """This process's place in the default process group; the only one where there is none."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()


class TrainingBatches:
    """One process's batches of a training loader: of every ``world`` that follow one another, the ``rank``-th.

    Every process gets as many, so a last round that is not full is left out (another one in the next epoch, where the
    order is drawn). Where the whole epoch has fewer batches than there are processes, as a graph that is one batch,
    they are given out again: each process sees the graph, under dropout masks of its own, and gradients are averaged.

    Args:
        loader: any iterable of batches.
        seed: of the run.
        epoch: tells which epoch begins, when it does.
        skip: batches of the first epoch that this process has had, before it was stopped.
        prefetch: about how many batches a process of its own makes ahead, the same to the bit; 0 makes them here.
    """

    def __init__(
        self, loader: Iterable[Any], seed: int, epoch: Callable[[], int], skip: int = 0, prefetch: int = 0
    ) -> None:
        self.loader, self.seed, self.epoch, self.skip, self.prefetch = loader, seed, epoch, skip, prefetch
        self._ahead: Prefetch | None = None

    def __len__(self) -> int:
        return max(1, len(self.loader) // ProcessRank.current().world)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        self.close()
        epoch = self.epoch()
        for part in (self.loader, getattr(self.loader, "sampler", None), getattr(self.loader, "batch_sampler", None)):
            if (set_epoch := getattr(part, "set_epoch", None)) is not None:
                set_epoch(epoch)
        skip, self.skip = self.skip, 0
        batches: Iterable[Any] = self._share(ProcessRank.current(), epoch, skip)  # makes nothing yet
        if self.prefetch:
            batches = self._ahead = Prefetch(batches, self.prefetch)
        yield from batches

    def close(self) -> None:
        """End the process that makes batches ahead, where an epoch was left before its end."""
        if self._ahead is not None:
            self._ahead.close()

    def _share(self, place: ProcessRank, epoch: int, skip: int) -> Iterator[Any]:
        """This process's batches of an epoch, behind the first ``skip``."""
        for batches in islice(self._rounds(epoch, place.world), skip, None):
            yield batches[place.rank % len(batches)]

    def _rounds(self, epoch: int, size: int) -> Iterator[list[Any]]:
        """The batches, ``size`` at a time; fewer only where there are no more at all."""
        stream = Stream(self.seed, epoch)
        with stream:
            batches = iter(self.loader)
        first = True
        while True:
            dealt: list[Any] = []
            while len(dealt) < size:
                with stream:
                    batch = next(batches, _END)
                if batch is _END:
                    break
                dealt.append(batch)
            if len(dealt) == size or (first and dealt):
                yield dealt
            if len(dealt) < size:
                return
            first = False

    def state_dict(self) -> dict[str, Any]:
        """Nothing: a checkpoint knows where the run stands. Lightning asks whether this can be entered anywhere."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing, likewise."""


class EpochOrder:
    """Makes the ``TrainingBatches`` of a run from a task's own loader; ``TaskData.distributed`` calls it.

    Args:
        trainer: whose progress says which epoch begins.
        seed: of the run.
        skip: batches of the first epoch that this process has had, before it was stopped.
        prefetch: number of batches that a separate process prepares in advance; 0 makes them in this process.
        resident: move the loader to the trainer's device, if it has a ``to`` method.
    """

    def __init__(
        self, trainer: pl.Trainer, seed: int, skip: int = 0, prefetch: int = 0, resident: bool = False
    ) -> None:
        self.trainer, self.seed, self.skip = trainer, seed, skip
        self.prefetch, self.resident = prefetch, resident
        self._made: list[TrainingBatches] = []

    def __call__(self, loader: Iterable[Any]) -> TrainingBatches:
        epochs: Any = self.trainer.fit_loop.epoch_progress
        batches = on_device(loader, self.trainer.strategy.root_device) if self.resident else loader
        made = TrainingBatches(batches, self.seed, lambda: epochs.current.processed, self.skip, self.prefetch)
        self._made.append(made)
        return made

    def close(self) -> None:
        """End the prefetching processes of epochs that were left before their end."""
        for batches in self._made:
            batches.close()


class EvaluationShare:
    """One process's batches of a loader that measures: each batch goes to one process, none is repeated to fill up."""

    def __init__(self, loader: Iterable[Any]) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        rank, world = ProcessRank.current()
        return islice(iter(self.loader), rank, None, world)


def gather(mine: list[Any]) -> list[Any]:
    """What all processes made of their ``EvaluationShare``, on every process, in the order of the loader.

    So figures computed of it are those of one process, to the bit where the parts are.
    """
    world = ProcessRank.current().world
    if world == 1:
        return mine
    shares: list[Any] = [None] * world
    dist.all_gather_object(shares, mine)
    return [share[number] for number in range(len(shares[0])) for share in shares if number < len(share)]

"""Training batches of each process, in an order that depends on seed and epoch alone and can start at any batch.

A training loader is any iterable of batches. It may draw their order from the global generators of Python, NumPy and
torch, or derive it from ``set_epoch``. While the loader runs, these generators are seeded by (seed, epoch); outside of
it they are restored. So all processes and a resumed run see the same order, and dropout does not depend on the loader.
A loader with its own generator, whose state depends on earlier epochs, breaks this.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import lightning.pytorch as pl

from suite.data.process_share import ProcessRank
from suite.training.batches.prefetch import Prefetch
from suite.training.batches.resident import ResidentBatches, on_device
from suite.training.state.randomness import Stream

_END = object()


class TrainingBatches:
    """The training batches of this process: out of every ``world`` consecutive batches, number ``rank``.

    All processes get the same number of batches, so a last round that is not full is dropped. If an epoch has fewer
    batches than there are processes, for example a graph that is one batch, processes share them: each sees the graph,
    with its own dropout masks, and gradients are averaged.

    Args:
        loader: any iterable of batches.
        seed: seed of the run.
        epoch: returns the number of the epoch that starts.
        skip: number of batches of the first epoch that this process skips, because it was trained on them before.
        prefetch: number of batches that a separate process prepares in advance; 0 makes them in this process.
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
        batches: Iterable[Any] = self._share(ProcessRank.current(), epoch, skip)  # lazy
        if self.prefetch:
            batches = self._ahead = Prefetch(batches, self.prefetch)
        yield from batches

    def close(self) -> None:
        """End the prefetching process of an epoch that was left before its end."""
        if self._ahead is not None:
            self._ahead.close()

    def _share(self, process: ProcessRank, epoch: int, skip: int) -> Iterator[Any]:
        """Yield the batches of this process in an epoch, after the first ``skip``."""
        for batches in islice(self._rounds(epoch, process.world), skip, None):
            yield batches[process.rank % len(batches)]

    def _rounds(self, epoch: int, size: int) -> Iterator[list[Any]]:
        """Yield ``size`` batches at a time; fewer only if the whole epoch has fewer."""
        stream = Stream(self.seed, epoch)
        with stream:
            batches = iter(self.loader)
        first = True
        while True:
            found: list[Any] = []
            while len(found) < size:
                with stream:
                    batch = next(batches, _END)
                if batch is _END:
                    break
                found.append(batch)
            if len(found) == size or (first and found):
                yield found
            if len(found) < size:
                return
            first = False

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the checkpoint has the position. With this method Lightning resumes within an epoch."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing; Lightning requires the method beside ``state_dict``."""


class EpochOrder:
    """Distributes the batches of a run over its processes; ``TaskData.distributed`` takes it.

    Args:
        trainer: its progress is the number of the epoch that starts.
        seed: seed of the run.
        skip: number of batches of the first epoch that this process skips, because it was trained on them before.
        prefetch: number of batches that a separate process prepares in advance; 0 makes them in this process.
        resident: keep data on the trainer's device: a training loader that has a ``to`` method is moved there, and
            the validation batches are made and moved once.
    """

    def __init__(
        self, trainer: pl.Trainer, seed: int, skip: int = 0, prefetch: int = 0, resident: bool = False
    ) -> None:
        self.trainer, self.seed, self.skip = trainer, seed, skip
        self.prefetch, self.resident = prefetch, resident
        self._started: list[TrainingBatches] = []
        self._validation: ResidentBatches | None = None

    def training(self, loader: Iterable[Any]) -> TrainingBatches:
        """Return the share of this process of the training batches."""
        epochs: Any = self.trainer.fit_loop.epoch_progress
        batches = on_device(loader, self.trainer.strategy.root_device) if self.resident else loader
        share = TrainingBatches(batches, self.seed, lambda: epochs.current.processed, self.skip, self.prefetch)
        self._started.append(share)
        return share

    def validation(self, batches: Iterable[Any]) -> Iterable[Any]:
        """Return the validation batches of this process; if resident, the same tensors each time."""
        if not self.resident:
            return batches
        if self._validation is None:
            self._validation = ResidentBatches(batches, self.trainer.strategy.root_device)
        return self._validation

    def close(self) -> None:
        """End the prefetching processes of epochs that were left before their end."""
        for batches in self._started:
            batches.close()

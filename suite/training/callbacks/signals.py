"""Ctrl-C, SIGTERM and SLURM's warning end a run in order: at the end of the batch, saved, with the right exit code."""

import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import lightning.pytorch as pl

HEEDED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
GRACE = 7.0  # seconds for the batch, and validation where the epoch ends with it, before the run ends without saving


class Interrupted(Exception):  # noqa: N818
    """A signal ended the run. Lightning would turn KeyboardInterrupt into exit code 1, and SIGTERM into 0."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number
        self.run_dir: Path | None = None

    @property
    def code(self) -> int:
        """What shells and schedulers expect: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number

    @property
    def requeues(self) -> bool:
        """Whether it was the scheduler's warning that the job's time is up."""
        return self.number == getattr(signal, "SIGUSR1", None)


class StopSignals(pl.Callback):
    """Heeds signals between ``__enter__`` and ``__exit__``.

    While an epoch runs, the first signal is noted in ``number`` for whoever saves at the end of the batch; at any other
    time it ends the run at once, which loses nothing that a resumed run does not compute again, bit for bit. So does a
    second Ctrl-C, and a batch that takes longer than ``GRACE`` seconds.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._running = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in (*HEEDED, signal.SIGALRM)}
            self._install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take SIGTERM back from Lightning, whose handler waits for other processes inside the handler."""
        if self._before:
            self._install()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Likewise."""
        self.on_train_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From here on a batch can be finished."""
        self._running = True

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Likewise where an epoch is entered in its middle."""
        self._running = True

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """All is saved."""
        self._running = False

    def _install(self) -> None:
        for number in HEEDED:
            signal.signal(number, self._note)
        signal.signal(signal.SIGALRM, self._late)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self._running or (self.number is not None and number == signal.SIGINT):
            self.number = number
            raise Interrupted(number)
        if self.number is None:  # schedulers repeat SIGTERM, and the launcher passes it on
            self.number = number
            signal.setitimer(signal.ITIMER_REAL, GRACE)

    def _late(self, number: int, frame: FrameType | None) -> None:
        assert self.number is not None
        raise Interrupted(self.number)

"""Ctrl-C, SIGTERM and the warning of SLURM save a run at the end of the batch and end it with their exit code."""

import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import lightning.pytorch as pl

HANDLED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
GRACE = 7.0  # seconds for the batch, and for validation at the end of an epoch, before the run ends without saving


class Interrupted(Exception):  # noqa: N818
    """Raised when a signal ends a run. Lightning itself exits with code 1 after Ctrl-C, and with 0 after SIGTERM."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number
        self.run_dir: Path | None = None

    @property
    def code(self) -> int:
        """The exit code that shells and schedulers expect: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number

    @property
    def requeues(self) -> bool:
        """Whether it was the warning of the scheduler that the time of the job ends."""
        return self.number == getattr(signal, "SIGUSR1", None)


class StopSignals(pl.Callback):
    """Handles signals inside its context.

    During an epoch, the first signal is stored in ``number``; the checkpoint callback saves at the end of the batch and
    ends the run. At any other time a signal raises ``Interrupted`` at once: a resumed run computes the same bits again.
    A second Ctrl-C, and a batch that takes longer than ``GRACE`` seconds, raise ``Interrupted`` at once too.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._running = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in (*HANDLED, signal.SIGALRM)}
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
        """Replace Lightning's handler of SIGTERM, which waits for other processes inside the handler."""
        if self._before:
            self._install()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace Lightning's handler of SIGTERM."""
        self.on_train_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From now on, a signal waits for the end of the batch."""
        self._running = True

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The same for a run that resumes within an epoch, where ``on_train_epoch_start`` is not called."""
        self._running = True

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From now on, a signal ends the run at once."""
        self._running = False

    def _install(self) -> None:
        for number in HANDLED:
            signal.signal(number, self._store)
        signal.signal(signal.SIGALRM, self._late)

    def _store(self, number: int, frame: FrameType | None) -> None:
        if not self._running or (self.number is not None and number == signal.SIGINT):
            self.number = number
            raise Interrupted(number)
        if self.number is None:  # schedulers repeat SIGTERM, and the launcher passes it on
            self.number = number
            signal.setitimer(signal.ITIMER_REAL, GRACE)

    def _late(self, number: int, frame: FrameType | None) -> None:
        assert self.number is not None
        raise Interrupted(self.number)

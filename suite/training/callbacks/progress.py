"""A progress bar in a terminal."""

import os
import sys
from collections.abc import Mapping

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class ProgressBar(pl.Callback):
    """Shows the number of steps and the last validation metrics, four times a second.

    Shows nothing if the variable CI is set or standard error is not a terminal. It reads the metrics that the module
    reports; Lightning's logged values take longer than a step of a small graph.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        if os.environ.get("CI") or not sys.stderr.isatty() or not trainer.is_global_zero:
            return
        columns = (
            TextColumn("training"),
            BarColumn(),
            TextColumn("step {task.completed}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[metrics]}"),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), refresh_per_second=4, transient=True)
        steps = trainer.estimated_stepping_batches
        self._task = self._bar.add_task("fit", total=steps if steps != float("inf") else None, metrics="")
        self._bar.start()

    def on_report(self, trainer: pl.Trainer, module: pl.LightningModule, metrics: Mapping[str, float]) -> None:
        """Show new metrics."""
        if self._bar is not None and self._task is not None:
            text = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            self._bar.update(self._task, completed=trainer.global_step, metrics=text)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the bar before the error is printed."""
        self.on_train_end(trainer, pl_module)

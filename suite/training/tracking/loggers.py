"""Loggers: a CSV file, and TensorBoard on request. ``suite.training.tracking.wandb`` has Weights & Biases."""

import csv
import logging
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from suite.config.record_files import read_text
from suite.errors import UserError

log = logging.getLogger(__name__)
METRICS = "metrics.csv"


class CsvMetrics(CSVLogger):
    """Writes ``metrics.csv`` in the run directory: one row for each round of metrics, the first column is ``step``."""

    def __init__(self, run_dir: Path, flush_every: int = 100) -> None:
        super().__init__(run_dir, name="", version="", flush_logs_every_n_steps=flush_every)
        path = run_dir / METRICS
        saved = path.read_text() if path.exists() else ""  # of a resumed run; Lightning begins an empty file
        with warnings.catch_warnings():  # the directory is this run's and holds its config: nothing is overwritten
            warnings.filterwarnings("ignore", message="Experiment logs directory")
            experiment = self.experiment  # Lightning creates it here, while the warning is ignored
        if saved:
            path.write_text(saved)
            experiment.metrics_keys = next(csv.reader(saved.splitlines()))


def rewind(run_dir: Path, step: int) -> None:
    """Remove the rows of ``metrics.csv`` after ``step``, and test metrics: a resumed run writes them again."""
    path = run_dir / METRICS
    if not path.exists():
        return
    try:
        rows = list(csv.DictReader(read_text(path).splitlines()))
        tests = [name for name in rows[0] if name.startswith("test/")] if rows else []
        remaining = [row for row in rows if int(row["step"] or 0) <= step and not any(row[name] for name in tests)]
    except (csv.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is damaged: it is not a table of metrics with a column step") from error
    path.unlink()
    if remaining:
        names = [name for name in remaining[0] if name not in tests]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(remaining)


class TensorBoardEvents(TensorBoardLogger):
    """Writes event files in ``run_dir/tensorboard``; raises UserError if TensorBoard is not installed."""

    def __init__(self, run_dir: Path) -> None:
        try:
            from torch.utils import tensorboard  # noqa: F401
        except ImportError as error:
            raise UserError(
                "logger=tensorboard needs TensorBoard; install it with: pip install 'attention-suite[tensorboard]'"
            ) from error
        super().__init__(run_dir, name="tensorboard", version="")


@runtime_checkable
class Tracker(Protocol):
    """A logger that also records config, checkpoints, tables and images, and must be closed."""

    def begin(self, config: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Record config and provenance at the start of a run."""
        ...

    def leave(self, run_dir: Path, media: Mapping[str, Any]) -> None:
        """Record checkpoints, tables (lists of dicts) and images (arrays) at the end of a run that succeeded."""
        ...

    def close(self, succeeded: bool) -> None:
        """Finish within a time limit."""
        ...


def start(loggers: Iterable[Logger], config: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Call ``begin`` of each tracker."""
    for logger in loggers:
        if isinstance(logger, Tracker):
            logger.begin(config, provenance)


def leave(loggers: Iterable[Logger], run_dir: Path, media: Mapping[str, Any]) -> None:
    """Call ``leave`` of each tracker."""
    for logger in loggers:
        if isinstance(logger, Tracker):
            logger.leave(run_dir, media)


def finish(loggers: Iterable[Logger], succeeded: bool) -> None:
    """Close each logger. Otherwise the next run of this process would write to the W&B run of this one."""
    for logger in loggers:
        logger.finalize("success" if succeeded else "failed")
        if isinstance(logger, Tracker):
            logger.close(succeeded)

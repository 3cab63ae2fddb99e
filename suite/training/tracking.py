"""Loggers: a CSV file always, Weights & Biases on request. Tracking never stops a run and never makes it wait."""

import csv
import logging
import os
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger

log = logging.getLogger(__name__)
PROBE_SECONDS = 3.0
METRICS = "metrics.csv"


def csv_logger(run_dir: Path, flush_every: int = 100) -> Logger:
    """``metrics.csv`` in the run directory: one row a round of metrics, first column ``step``."""
    path = run_dir / METRICS
    kept = path.read_text() if path.exists() else ""  # of a run that goes on; Lightning would begin an empty file
    logger = CSVLogger(run_dir, name="", version="", flush_logs_every_n_steps=flush_every)
    with warnings.catch_warnings():  # the directory is this run's own and holds its config: nothing is overwritten
        warnings.filterwarnings("ignore", message="Experiment logs directory")
        assert logger.experiment is not None  # made here, while the warning is silenced
    if kept:
        path.write_text(kept)
        logger.experiment.metrics_keys = next(csv.reader(kept.splitlines()))
    return logger


def rewind(run_dir: Path, step: int) -> None:
    """Take back what ``metrics.csv`` holds behind ``step``, and the test: a run that goes on writes them again."""
    path = run_dir / METRICS
    if not path.exists():
        return
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    tests = [name for name in rows[0] if name.startswith("test/")] if rows else []
    kept = [row for row in rows if int(row["step"] or 0) <= step and not any(row[name] for name in tests)]
    path.unlink()
    if kept:
        names = [name for name in kept[0] if name not in tests]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)


def wandb_logger(
    run_dir: Path,
    project: str,
    name: str | None = None,
    group: str | None = None,
    tags: list[str] | None = None,
    offline: bool = False,
) -> Logger:
    """A W&B run inside the run directory, online where that works at once, else offline.

    Without a key, or where the server does not answer within three seconds, the run is recorded offline under
    ``run_dir/wandb``, a warning says why, and the command that uploads it later is printed. Nothing is lost and nothing
    waits: W&B's own start-up would stop without a key and try a dead network for 90 seconds.
    """
    import wandb

    reason = "offline=true was asked for" if offline else _why_offline(wandb)
    settings = wandb.Settings(init_timeout=20, finish_timeout=30, console="off", silent=True)
    options: dict[str, Any] = {
        "project": project,
        "name": name or run_dir.name,
        "group": group,
        "tags": tags,
        "dir": str(run_dir),
        "settings": settings,
    }
    if reason is None:
        try:
            return WandbLogger(experiment=wandb.init(mode="online", **options))
        except wandb.errors.Error as error:
            reason = f"W&B did not start ({str(error).splitlines()[0]})"
    run = wandb.init(mode="offline", **options)
    log.warning("tracking offline: %s. Upload later with: wandb sync %s", reason, Path(run.dir).parent)
    return WandbLogger(experiment=run)


def _why_offline(wandb: Any) -> str | None:
    """Why W&B cannot be used online now, or None where it can."""
    mode = os.environ.get("WANDB_MODE", "online")
    if mode != "online":
        return f"WANDB_MODE={mode}"
    base_url = wandb.setup().settings.base_url
    try:
        urllib.request.urlopen(f"{base_url}/healthz", timeout=PROBE_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError:
        pass  # it answered; what it thinks of the path does not matter
    except OSError as error:  # asked first, because W&B checks a key for ten seconds where there is no network
        return f"{base_url} does not answer ({getattr(error, 'reason', error)})"
    return None if wandb.login(prompt=False) else "no API key (run `wandb login` or set WANDB_API_KEY)"


def start(loggers: Iterable[Logger], config: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Give the tracked run what the run directory has: config and provenance."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.config.update({**config, "provenance": provenance})


def finish(loggers: Iterable[Logger], succeeded: bool) -> None:
    """Close every logger; without it the next run of the same process would write into this one's W&B run."""
    for logger in loggers:
        logger.finalize("success" if succeeded else "failed")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish(exit_code=0 if succeeded else 1)

"""metrics.csv of runs that resume, and loggers that record more than numbers."""

import csv
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from suite.training.tracking import loggers
from suite.training.tracking.loggers import CsvMetrics


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_continues_its_metrics_after_the_step_that_was_saved(tmp_path: Path) -> None:
    first = CsvMetrics(tmp_path)
    for step in (1, 2, 3):
        first.log_metrics({"val/loss": step / 2}, step=step)
    first.log_metrics({"test/loss": 9.0}, step=3)
    first.save()
    loggers.rewind(tmp_path, 2)
    second = CsvMetrics(tmp_path)
    second.log_metrics({"val/loss": 7.0}, step=3)
    second.save()
    assert [(row["step"], float(row["val/loss"])) for row in rows(tmp_path / loggers.METRICS)] == [
        ("1", 0.5),
        ("2", 1.0),
        ("3", 7.0),
    ]
    assert "test/loss" not in rows(tmp_path / loggers.METRICS)[0]


def test_a_run_that_was_never_saved_starts_without_rows(tmp_path: Path) -> None:
    logger = CsvMetrics(tmp_path)
    logger.log_metrics({"val/loss": 1.0}, step=1)
    logger.save()
    loggers.rewind(tmp_path, -1)
    assert not (tmp_path / loggers.METRICS).exists()
    loggers.rewind(tmp_path, -1)


class Recorder(Logger):
    """A tracker that records its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    name = version = "recorder"

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.calls.append("metrics")

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.calls.append("hyperparameters")

    def begin(self, config: Any, provenance: Any) -> None:
        self.calls.append(("begin", config, provenance))

    def leave(self, run_dir: Path, media: Any) -> None:
        self.calls.append(("leave", run_dir, media))

    def close(self, succeeded: bool) -> None:
        self.calls.append(("close", succeeded))


def test_trackers_receive_start_media_and_end(tmp_path: Path) -> None:
    recorder, plain = Recorder(), CsvMetrics(tmp_path)
    both = [plain, recorder]
    loggers.start(both, {"seed": 1}, {"command": "attn"})
    loggers.leave(both, tmp_path, {"table": []})
    loggers.finish(both, succeeded=False)
    assert recorder.calls == [
        ("begin", {"seed": 1}, {"command": "attn"}),
        ("leave", tmp_path, {"table": []}),
        ("close", False),
    ]

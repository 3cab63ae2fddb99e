"""One trial: a process that runs ``attn train``; its metrics are read from the file that it writes."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from suite.config.record_files import read_json
from suite.processes import die_with_parent, python_arguments

ATTN = [sys.executable, *python_arguments("suite.cli.main")]


class Running:
    """The process of a trial.

    Args:
        folder: directory of its run.
        words: arguments of ``attn train``.
        device: value of CUDA_VISIBLE_DEVICES; None does not change it.
        labels: further environment variables.
        known: number of rows of its metrics that the study has, if the trial is resumed.
    """

    def __init__(
        self, folder: Path, words: list[str], device: str | None, labels: Mapping[str, str], known: int = 0
    ) -> None:
        self.folder, self.device = folder, device
        self.started = time.monotonic()
        self._rows_read = known
        folder.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **labels}
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        command = [*ATTN, "train", *words, f"run_dir={folder}", "resume=auto_or_new"]
        with folder.with_suffix(".log").open("a") as log:
            self.process = subprocess.Popen(  # noqa: S603
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                preexec_fn=partial(die_with_parent, signal.SIGTERM),
            )

    def new_values(self, monitor: str) -> Iterator[tuple[int, float]]:
        """Yield number and value of the rows of its metrics since the last call."""
        path = self.folder / "metrics.csv"
        if not path.exists():
            return
        with path.open(newline="") as file:
            values = [row[monitor] for row in csv.DictReader(file) if row.get(monitor)]
        for number in range(self._rows_read, len(values)):
            yield number, float(values[number])
        self._rows_read = max(self._rows_read, len(values))

    def stop(self) -> None:
        """Send SIGTERM, after which the trial saves and ends."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def result(self) -> dict[str, Any]:
        """Return the content of ``result.json``."""
        return read_json(self.folder / "result.json")

    def last_words(self) -> str:
        """Return the last line that the trial printed."""
        lines = self.folder.with_suffix(".log").read_text(errors="replace").strip().splitlines()
        return (
            lines[-1].removeprefix("attn: ")
            if lines
            else f"ended with code {self.process.returncode} and printed nothing"
        )

    @property
    def seconds(self) -> float:
        """Seconds since the start of the process."""
        return time.monotonic() - self.started

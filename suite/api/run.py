"""Train from Python, and read what a run recorded."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.api.overrides import to_dotlist, to_overrides
from suite.config.record_files import read_json, read_text, read_yaml
from suite.errors import UserError

__all__ = ["Run", "train"]


@dataclass(frozen=True)
class Run:
    """A run, read from its directory.

    Args:
        dir: the directory of the run, which holds ``config.yaml``.

    Raises:
        UserError: if the directory holds no run.
    """

    dir: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "dir", Path(self.dir))
        if not (self.dir / "config.yaml").is_file():
            raise UserError(f"{self.dir} is not the directory of a run: it has no config.yaml")

    def __fspath__(self) -> str:
        return os.fspath(self.dir)

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config of the run."""
        return read_yaml(self.dir / "config.yaml")

    @property
    def result(self) -> dict[str, Any]:
        """The content of ``result.json``: task, seed, metrics, number of parameters, training time in seconds.

        Raises UserError if the run has not ended.
        """
        path = self.dir / "result.json"
        if not path.is_file():
            raise UserError(f"{self.dir} has no result.json yet; resume the run with: attn train resume={self.dir}")
        return read_json(path)

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the selected weights, for example ``{"val/accuracy": 0.8, "test/accuracy": 0.79}``."""
        return {name: value for name, value in self.result.items() if name.startswith(("val/", "test/"))}

    @property
    def history(self) -> list[dict[str, float]]:
        """Metrics during training, one dict for each time they were recorded, from ``metrics.csv``."""
        path = self.dir / "metrics.csv"
        try:
            rows = csv.DictReader(read_text(path).splitlines())
            return [{name: float(value) for name, value in row.items() if value} for row in rows]
        except (csv.Error, ValueError, TypeError) as error:
            raise UserError(f"{path} is damaged: it is not a table of numbers ({error})") from error

    @property
    def best(self) -> Path:
        """The checkpoint with the selected weights."""
        return self.dir / "checkpoints" / "best.ckpt"

    @property
    def last(self) -> Path:
        """The newest checkpoint, from which training can resume."""
        return self.dir / "checkpoints" / "last.ckpt"


def train(*overrides: str, **values: Any) -> Run:
    """Train a model, evaluate it on the validation and test split, and return the run.

    This is ``attn train`` in Python: the same config, the same files, the same numbers.

    Args:
        overrides: ``KEY=VALUE`` as on the command line; ``task=NAME`` is required, unless ``resume=RUN`` names a run.
        values: the same as Python values; a dict sets the keys below its name: ``model={"num_heads": 4}``.

    Raises:
        UserError: for a config, data or a directory that cannot be used.
        Interrupted: if a signal ended training; the run is saved and can resume.

    ``suite.train("task=graph", "data=graph/synthetic", seed=1, trainer={"max_steps": 50})``
    """
    from suite.config.compose import compose
    from suite.training.run.launch import launch

    config = resumed_config(to_dotlist(overrides, values)) or compose(to_overrides(overrides, values))
    return Run(launch(config))


def resumed_config(overrides: list[str]) -> dict[str, Any] | None:
    """Return the recorded config of the run that ``resume=RUN`` names, with the other overrides applied.

    None if ``overrides`` do not resume a run by its name, or choose the task themselves. Raises UserError if there is
    no such run, it has ended, or it has no such key.
    """
    from suite.training.run.resume import named, recorded
    from suite.training.trusted import trusted_config

    names = [word.removeprefix("resume=").strip("\"'") for word in overrides if word.startswith("resume=")]
    if (
        not names
        or names[-1].startswith("auto")
        or any(word.startswith(("task=", "experiment=")) for word in overrides)
    ):
        return None
    run_dir = named(names[-1])
    others = [word for word in overrides if not word.startswith("resume=")]
    config = trusted_config(recorded(run_dir), run_dir / "config.yaml", others)
    return {**config, "run_dir": str(run_dir), "resume": names[-1]}

"""``attn train``: compose a config with Hydra, then launch one run for it, or several with -m."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from suite.api.run import Run, resumed_config
from suite.config import checks, packages, search_path
from suite.errors import UserError

__all__ = ["main"]

CHOICES = ("task=", "experiment=")


class Jobs:
    """Runs the jobs that Hydra composes, one after another, and remembers how they ended.

    A job with invalid input does not stop the jobs after it; a signal does.
    """

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.process = os.getpid()
        self.invalid = False
        self.stopped = 0  # exit code of the signal that ended a job

    def __call__(self, config: DictConfig) -> None:
        """Run one job; Hydra calls this."""
        if self.stopped:
            return
        sys.argv = self.words  # provenance records it; in the process of a launcher it is the launcher's
        try:
            self.stopped = _train(config)
        except UserError as error:
            if os.getpid() != self.process:
                raise  # a launcher's process returns the error to this one
            self.invalid = True  # caught here because Hydra prints extra lines around an exception
            print(f"attn: {error}", file=sys.stderr)

    @property
    def code(self) -> int:
        """Exit code of all jobs."""
        return self.stopped or (2 if self.invalid else 0)


def main(argv: list[str]) -> int:
    """Compose and train from ``argv``, in Hydra's grammar and with its flags.

    Returns the exit code: 0; 2 for invalid input; 130, 143 or 138 if a signal ended the run after it was saved.
    """
    if (config := resumed_config(argv)) is not None:
        return _launch(config)
    search_path.register()
    if {"-h", "--help"} & set(argv) and not any(word.startswith(CHOICES) for word in argv):
        argv = [*argv, f"task={packages.options('task')[0]}"]  # Hydra composes a config even for help
    multirun = [word for word in argv if word in ("-m", "--multirun")]  # last: argparse accepts nothing after it
    jobs = Jobs(["attn train", *(word for word in argv if word not in multirun), *multirun])
    try:
        checks.check_presets([word for word in argv if "=" in word and not word.startswith("-")])
        with _hydra_reads(jobs.words):
            hydra.main(version_base="1.3", config_path="pkg://conf", config_name="train")(jobs)()
    except checks.HYDRA_ERRORS as error:
        raise UserError(checks.explain(error)) from error
    return jobs.code


@contextmanager
def _hydra_reads(words: list[str]) -> Iterator[None]:
    """Hydra reads ``sys.argv``, and raises its errors instead of printing them and exiting."""
    program, sys.argv = sys.argv, words
    full_error, os.environ["HYDRA_FULL_ERROR"] = os.environ.get("HYDRA_FULL_ERROR"), "1"
    try:
        yield
    finally:
        sys.argv = program
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _train(config: DictConfig) -> int:
    """Check one composed config and launch its run."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    runtime = HydraConfig.get()
    if runtime.mode == RunMode.MULTIRUN:  # all runs are one group in W&B
        os.environ.setdefault("WANDB_RUN_GROUP", Path(runtime.sweep.dir).name)
    return _launch(checks.check(config, dict(runtime.runtime.choices), list(runtime.overrides.task)))


def _launch(config: dict[str, Any]) -> int:
    """Launch a run and print its result; return 0, or the exit code of the signal that ended it."""
    from suite.training.callbacks.signals import Interrupted
    from suite.training.run.launch import launch

    try:
        run_dir = launch(config)
    except Interrupted as stopped:
        print(f"attn: {stopped}; resume with: attn train resume={stopped.run_dir}", file=sys.stderr)
        return stopped.code
    _print_result(Run(run_dir))
    return 0


def _print_result(run: Run) -> None:
    """The table of results, the directory, and the next command."""
    from rich.console import Console
    from rich.table import Table

    result = run.result
    table = Table(title=f"{result['task']}, seed {result['seed']}", title_justify="left", show_header=False)
    for key, value in result.items():
        if key not in ("task", "seed", "run_dir"):
            table.add_row(key, f"{value:.4f}" if isinstance(value, float) else str(value))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"run       {run.dir}", highlight=False)
    console.print(f"evaluate  attn eval ckpt={run.best}", highlight=False)

"""``attn train``: Hydra composes in this process, once; then the run is launched from the resolved config."""

import os
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from suite.config import checks, packages, search_path
from suite.errors import UserError
from suite.training.run.resume import named, recorded

CHOOSING = ("task=", "experiment=")


def main(argv: list[str]) -> int:
    """Compose from ``argv`` (Hydra's grammar and flags) and train; -m runs one combination after another.

    Returns the exit code: 0; 2 where input was refused; 130, 143 or 138 where a signal ended the run, saved.
    """
    resume = [word.removeprefix("resume=") for word in argv if word.startswith("resume=")]
    if resume and not resume[-1].startswith("auto") and not any(word.startswith(CHOOSING) for word in argv):
        return _go_on(resume[-1], [word for word in argv if not word.startswith("resume=")])
    search_path.register()
    if {"-h", "--help"} & set(argv) and not any(word.startswith(CHOOSING) for word in argv):
        argv = [*argv, f"task={packages.options('task')[0]}"]  # Hydra composes even for help; any task will do
    multirun = [word for word in argv if word in ("-m", "--multirun")]  # last, or argparse refuses what follows it
    words = ["attn train", *(word for word in argv if word not in multirun), *multirun]
    refused: list[UserError] = []
    codes: list[int] = []
    here = os.getpid()

    def job(config: DictConfig) -> None:
        if codes:  # Ctrl-C ends a sweep, not one run of it
            return
        sys.argv = words  # provenance tells it; in a launcher's process it would be the launcher's
        try:
            codes.extend([code] if (code := _train(config)) else [])
        except UserError as error:  # kept, for Hydra would print its own lines around it; the other jobs go on
            if os.getpid() != here:
                raise  # from a launcher's process the error itself comes back
            refused.append(error)
            print(f"attn: {error}", file=sys.stderr)

    program, sys.argv = sys.argv, words
    full_error, os.environ["HYDRA_FULL_ERROR"] = os.environ.get("HYDRA_FULL_ERROR"), "1"  # raise, do not print and exit
    try:
        checks.check_presets([word for word in argv if "=" in word and not word.startswith("-")])
        hydra.main(version_base="1.3", config_path="pkg://conf", config_name="train")(job)()
    except checks.HYDRA_ERRORS as error:
        raise UserError(checks.explain(error)) from error
    finally:
        sys.argv = program
        os.environ.pop("HYDRA_FULL_ERROR") if full_error is None else os.environ.update(HYDRA_FULL_ERROR=full_error)
    return codes[0] if codes else 2 if refused else 0


def _go_on(resume: str, overrides: list[str]) -> int:
    """A run by its name alone: its own config, with overrides."""
    from suite.training.load import merge

    run_dir = named(resume)
    return _launch(merge(recorded(run_dir), [*overrides, f"run_dir={run_dir}", f"resume={resume}"]))


def _train(config: DictConfig) -> int:
    """One composed job: check it, run it, show the result."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    runtime = HydraConfig.get()
    if runtime.mode == RunMode.MULTIRUN:  # one group of W&B's runs for all of them
        os.environ.setdefault("WANDB_RUN_GROUP", Path(runtime.sweep.dir).name)
    plain = checks.check(config, dict(runtime.runtime.choices), list(runtime.overrides.task))
    return _launch(plain)


def _launch(config: dict[str, Any]) -> int:
    """Run it; 0, or the code of the signal that ended it."""
    from suite.training.callbacks.signals import Interrupted
    from suite.training.run.launch import launch

    try:
        run_dir = launch(config)
    except Interrupted as stopped:
        print(f"attn: {stopped}; go on with: attn train resume={stopped.run_dir}", file=sys.stderr)
        return stopped.code
    show(run_dir)
    return 0


def show(run_dir: Path) -> None:
    """The closing table: metrics, time, place, and what to do next."""
    import json

    from rich.console import Console
    from rich.table import Table

    result = json.loads((run_dir / "result.json").read_text())
    table = Table(title=f"{result['task']}, seed {result['seed']}", title_justify="left", show_header=False)
    for key, value in result.items():
        if key not in ("task", "seed", "run_dir"):
            table.add_row(key, f"{value:.4f}" if isinstance(value, float) else str(value))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"run       {run_dir}", highlight=False)
    console.print(f"again     attn eval ckpt={run_dir / 'checkpoints' / 'best.ckpt'}", highlight=False)

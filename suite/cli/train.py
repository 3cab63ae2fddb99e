"""``attn train``: Hydra composes in this process, once; then the run is launched from the resolved config."""

import os
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from suite.config import checks, packages, search_path
from suite.errors import UserError


def main(argv: list[str]) -> int:
    """Compose from ``argv`` (Hydra's grammar and flags) and train; -m runs one combination after another."""
    search_path.register()
    if {"-h", "--help"} & set(argv) and not any(word.startswith(("task=", "experiment=")) for word in argv):
        argv = [*argv, f"task={packages.options('task')[0]}"]  # Hydra composes even for help; any task will do
    refused: list[UserError] = []

    def job(config: DictConfig) -> None:
        try:
            _train(config)
        except UserError as error:  # kept, for Hydra would print its own lines around it; the other jobs go on
            refused.append(error)
            print(f"attn: {error}", file=sys.stderr)

    multirun = [word for word in argv if word in ("-m", "--multirun")]  # last, or argparse refuses what follows it
    program, sys.argv = sys.argv, ["attn train", *(word for word in argv if word not in multirun), *multirun]
    full_error, os.environ["HYDRA_FULL_ERROR"] = os.environ.get("HYDRA_FULL_ERROR"), "1"  # raise, do not print and exit
    try:
        checks.check_presets([word for word in argv if "=" in word and not word.startswith("-")])
        hydra.main(version_base="1.3", config_path="pkg://conf", config_name="train")(job)()
    except checks.HYDRA_ERRORS as error:
        raise UserError(checks.explain(error)) from error
    finally:
        sys.argv = program
        os.environ.pop("HYDRA_FULL_ERROR") if full_error is None else os.environ.update(HYDRA_FULL_ERROR=full_error)
    return 2 if refused else 0


def _train(config: DictConfig) -> None:
    """One composed job: check it, run it, show the result."""
    from hydra.core.hydra_config import HydraConfig

    runtime = HydraConfig.get()
    plain = checks.check(config, dict(runtime.runtime.choices), list(runtime.overrides.task))
    from suite.training.launch import launch

    show(launch(plain))


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

"""One training run, from a resolved config to ``result.json``."""

import logging
import sys
import time
from pathlib import Path
from typing import Any

from suite.errors import UserError
from suite.training import rundir

log = logging.getLogger(__name__)


def launch(config: dict[str, Any]) -> Path:
    """Train, evaluate and record one run; returns its directory.

    ``config`` is resolved and plain. Everything that can be refused cheaply is refused before the directory is made; an
    error later leaves the directory with what was written so far.
    """
    import lightning.pytorch as pl
    import torch

    from suite.training import tracking
    from suite.training.build import build_data, build_module, build_trainer, check_devices

    if config.get("threads"):
        torch.set_num_threads(config["threads"])
    check_devices(config["trainer"])
    data = build_data(config)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    module = build_module(config, data.facts())
    module.identity = {"config": config, "facts": data.facts()}
    run_dir = rundir.create(config["run_dir"], config["task_name"])
    rundir.write_config(run_dir, config)
    provenance = rundir.provenance(sys.argv, config["seed"], data.provenance())
    rundir.write_json(run_dir / "provenance.json", provenance)
    trainer = build_trainer(config, run_dir)
    succeeded = False
    try:
        tracking.start(trainer.loggers, config, provenance)
        started = time.perf_counter()
        _fit(trainer, module, data)
        seconds = time.perf_counter() - started
        result = _evaluate(config, trainer, module, data)
        result |= {"fit_seconds": round(seconds, 3), "run_dir": str(run_dir)}
        rundir.write_json(run_dir / "result.json", result)
        tests = {key: value for key, value in result.items() if key.startswith("test/")}
        for logger in trainer.loggers:
            logger.log_metrics(tests, step=trainer.global_step)
        succeeded = True
    finally:
        tracking.finish(trainer.loggers, succeeded)
    return run_dir


def _fit(trainer: Any, module: Any, data: Any) -> None:
    """Train; what Lightning refuses of the trainer's settings is told as it says it, without its traceback."""
    from lightning.pytorch.utilities.exceptions import MisconfigurationException

    try:
        trainer.fit(module, datamodule=data)
    except MisconfigurationException as error:
        raise UserError(f"trainer: {error}") from error


def _evaluate(config: dict[str, Any], trainer: Any, module: Any, data: Any) -> dict[str, Any]:
    """Measure the selected weights once on every split that counts, and gather the flat result."""
    from suite.training.module import evaluate
    from suite.training.selection import Selection

    result: dict[str, Any] = {"task": config["task_name"], "seed": config["seed"]}
    for split in ("val", "test"):
        result.update(evaluate(trainer, module, data, split))
    selection = next((cb for cb in trainer.callbacks if isinstance(cb, Selection)), None)
    if selection is not None:
        result["best_epoch"], result["epochs"] = selection.best_round, selection.rounds
    result["params"] = sum(parameter.numel() for parameter in module.net.parameters())
    return result

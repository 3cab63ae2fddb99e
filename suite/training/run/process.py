"""One process's part of a run: train, measure once, record."""

import json
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from suite.errors import UserError
from suite.training.run import directory
from suite.training.run import resume as resuming


def prepare(config: dict[str, Any]) -> tuple[Any, Any]:
    """Data and module, everything that a config can get wrong checked; the module's weights follow from the seed."""
    import lightning.pytorch as pl
    import torch

    from suite.training.batches.prefetch import check_prefetch
    from suite.training.batches.resident import check_resident
    from suite.training.build import build_data, build_module
    from suite.training.compile import compile_parts

    check_prefetch(config.get("prefetch", 0))
    check_resident(config.get("resident", False), config.get("prefetch", 0))
    if config.get("threads"):
        torch.set_num_threads(config["threads"])
    data = build_data(config)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    module = build_module(config, data.facts())
    if config.get("compile"):
        compile_parts(module.net)
    return data, module


def record(run_dir: Path, config: dict[str, Any], data: Any, resumed: bool) -> None:
    """Write config and provenance; of a run that goes on, when and by what command."""
    directory.write_config(run_dir, config)
    provenance = directory.provenance(sys.argv, config["seed"], data.provenance())
    if resumed and (run_dir / "provenance.json").exists():
        before = json.loads((run_dir / "provenance.json").read_text())
        now = {key: provenance[key] for key in ("command", "started", "git", "versions", "platform", "processor")}
        provenance = {**before, "resumed": [*before.get("resumed", []), now]}
    directory.write_json(run_dir / "provenance.json", provenance)


def run(config: dict[str, Any], run_dir: Path, data: Any, module: Any, resume: str | None = None) -> None:
    """Train from the start, or with ``resume`` from what was saved; the first process writes ``result.json``.

    Raises Interrupted where a signal ended it, saved.
    """
    from suite.training.batches.order import EpochOrder
    from suite.training.build import build_callbacks, build_loggers, build_trainer
    from suite.training.callbacks.samples import SampleTable
    from suite.training.callbacks.signals import StopSignals
    from suite.training.tracking import loggers

    first = _rank() == 0
    saved = resuming.saved(run_dir, resume) if resume else None
    if first:  # a run that was killed before its first checkpoint begins again, its rows too
        loggers.rewind(run_dir, saved[1]["global_step"] if saved else -1)
    provenance = json.loads((run_dir / "provenance.json").read_text())
    succeeded = False
    with StopSignals() as signals:
        trainer = build_trainer(
            config,
            callbacks=build_callbacks(config, run_dir / "checkpoints", signals, module),
            loggers=build_loggers(config, run_dir) if first else (),
            saved=saved,
            distributed=True,
            **({} if module.uses_validation_loop else {"limit_val_batches": 0}),
        )
        try:
            loggers.start(trainer.loggers, config, provenance)
            skip = saved[1]["position"]["batches"] if saved else 0
            started = time.perf_counter()
            order = EpochOrder(trainer, config["seed"], skip, config.get("prefetch", 0), config.get("resident", False))
            with closing(order), data.distributed(order):
                _fit(trainer, module, data, str(saved[0]) if saved else None)
            seconds = time.perf_counter() - started
            samples = SampleTable()
            evaluator = build_trainer(config, callbacks=[signals, samples], distributed=True)
            result = _evaluate(config, evaluator, module, data) | _selected(trainer)
            result["params"] = sum(parameter.numel() for parameter in module.net.parameters())
            if first:
                result |= {"fit_seconds": round(seconds, 3), "run_dir": str(run_dir)}
                directory.write_json(run_dir / "result.json", result)
            tests = {key: value for key, value in result.items() if key.startswith("test/")}
            for logger in trainer.loggers:
                logger.log_metrics(tests, step=trainer.global_step)
            media = {"test/samples": samples.rows, **module.media(data)}
            if first:
                loggers.leave(trainer.loggers, run_dir, media)
            succeeded = True
        finally:
            loggers.finish(trainer.loggers, succeeded)


def _rank() -> int:
    return int(os.environ["RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ else 0


def _fit(trainer: Any, module: Any, data: Any, ckpt_path: str | None) -> None:
    """Train; what Lightning refuses of the trainer's settings is told as it says it, without its traceback."""
    from lightning.pytorch.utilities.exceptions import MisconfigurationException

    try:
        trainer.fit(module, datamodule=data, ckpt_path=ckpt_path)
    except MisconfigurationException as error:
        raise UserError(f"trainer: {error}") from error


def _evaluate(config: dict[str, Any], trainer: Any, module: Any, data: Any) -> dict[str, Any]:
    """Evaluate the selected weights on the validation and the test split; return the flat result."""
    from suite.training.base_task_module import evaluate

    result: dict[str, Any] = {"task": config["task_name"], "seed": config["seed"]}
    for split in ("val", "test"):
        result.update(evaluate(trainer, module, data, split))
    return result


def _selected(trainer: Any) -> dict[str, int]:
    """Return the round of validation that was selected, and the number of rounds."""
    from suite.training.callbacks.selection import Selection

    selection = next((callback for callback in trainer.callbacks if isinstance(callback, Selection)), None)
    return {} if selection is None else {"best_epoch": selection.best_round, "epochs": selection.rounds}

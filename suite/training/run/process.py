"""What one process of a run does: train, evaluate, record."""

import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.config.record_files import read_json
from suite.config.secrets import mask, mask_command, mask_text
from suite.errors import UserError
from suite.training.config import RunConfig
from suite.training.run import directory
from suite.training.run import resume as resuming
from suite.training.run.resume import Saved

if TYPE_CHECKING:
    from suite.data.module import TaskData
    from suite.training.base_task_module import BaseTaskModule


def prepare(config: RunConfig, saved: Saved | None = None) -> tuple["TaskData", "BaseTaskModule"]:
    """Return data and module of a run. The weights are a function of the seed.

    Args:
        config: of the run.
        saved: the checkpoint to resume from.

    Raises:
        UserError: for a wrong value anywhere in the config, for data that are not available, and for data or a config
            that differ from those of the checkpoint, unless ``config.allow_changes``.
    """
    import lightning.pytorch as pl
    import torch

    from suite.training.batches.prefetch import check_prefetch
    from suite.training.batches.resident import check_resident
    from suite.training.build import build_data, build_module
    from suite.training.compile import compile_blocks

    check_prefetch(config.prefetch)
    check_resident(config.resident, config.prefetch)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    data = build_data(config.source)
    facts = resuming.restore_data(saved, config, data) if saved else data.facts()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    module = build_module(config.source, facts)
    if config.compile:
        compile_blocks(module.net)
    return data, module


def record(run_dir: Path, config: RunConfig, data: "TaskData", saved: Saved | None) -> None:
    """Write config and provenance; for a resumed run add when and by which command it resumed, and what changed."""
    directory.write_config(run_dir, mask(config.source))
    provenance = directory.provenance(mask_command(sys.argv), config.seed, mask(data.provenance()))
    if saved and (run_dir / "provenance.json").exists():
        before = read_json(run_dir / "provenance.json")
        now = {key: provenance[key] for key in ("command", "started", "git", "versions", "platform", "processor")}
        if changes := resuming.changes(saved, config, data):
            now |= {"changes": changes, "data": provenance["data"]}
        provenance = {**before, "resumed": [*_list(before.get("resumed")), now]}
    directory.write_json(run_dir / "provenance.json", provenance)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def run(
    config: RunConfig, run_dir: Path, data: "TaskData", module: "BaseTaskModule", saved: Saved | None = None
) -> None:
    """Train and evaluate in this process; the first process writes ``result.json``.

    Args:
        config: of the run.
        run_dir: its directory, with config and provenance.
        data: of ``prepare``.
        module: of ``prepare``.
        saved: the checkpoint to resume from; None starts from the beginning.

    Raises:
        Interrupted: if a signal ended the run, after it was saved.
    """
    from suite.training.batches.order import EpochOrder
    from suite.training.build import build_callbacks, build_loggers, build_trainer
    from suite.training.callbacks.samples import SampleTable
    from suite.training.callbacks.signals import StopSignals
    from suite.training.tracking import loggers

    first = _rank() == 0
    if first:  # a run that was killed before its first checkpoint starts again, without its rows
        loggers.rewind(run_dir, saved[1]["global_step"] if saved else -1)
    provenance = read_json(run_dir / "provenance.json")
    succeeded = False
    with StopSignals() as signals:
        trainer = build_trainer(
            config.trainer,
            callbacks=build_callbacks(config, run_dir / "checkpoints", signals, module),
            loggers=build_loggers(config, run_dir) if first else (),
            saved=saved,
            distributed=True,
            **({} if module.uses_validation_loop else {"limit_val_batches": 0}),
        )
        try:
            loggers.start(trainer.loggers, mask(config.source), provenance)
            skip = saved[1]["position"]["batches"] if saved else 0
            started = time.perf_counter()
            order = EpochOrder(trainer, config.seed, skip, config.prefetch, config.resident)
            with closing(order), data.distributed(order):
                _fit(trainer, module, data, str(saved[0]) if saved else None)
            seconds = time.perf_counter() - started
            samples = SampleTable()
            evaluator = build_trainer(config.trainer, callbacks=[signals, samples], distributed=True)
            result = _evaluate(config, evaluator, module, data) | _selected(trainer)
            result["params"] = sum(parameter.numel() for parameter in module.net.parameters())
            if changes := _changes(provenance):
                result["changes"] = "; ".join(changes)  # the result of a run that changed on its way is marked
            if first:
                result |= {"fit_seconds": round(seconds, 3), "run_dir": mask_text(str(run_dir))}
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


def _changes(provenance: dict[str, Any]) -> list[str]:
    """Return what changed when the run was resumed. The file may hold anything."""
    resumed = [part for part in _list(provenance.get("resumed")) if isinstance(part, dict)]
    return [str(one) for part in resumed for one in _list(part.get("changes"))]


def _rank() -> int:
    return int(os.environ["RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ else 0


def _fit(trainer: Any, module: Any, data: Any, ckpt_path: str | None) -> None:
    """Train. Raises UserError for arguments that Lightning's Trainer rejects."""
    from lightning.pytorch.utilities.exceptions import MisconfigurationException

    try:
        trainer.fit(module, datamodule=data, ckpt_path=ckpt_path)
    except MisconfigurationException as error:
        raise UserError(f"trainer: {error}") from error


def _evaluate(config: RunConfig, trainer: Any, module: Any, data: Any) -> dict[str, Any]:
    """Evaluate the selected weights on the validation and the test split; return the flat result."""
    from suite.training.base_task_module import evaluate

    result: dict[str, Any] = {"task": config.task_name, "seed": config.seed}
    for split in ("val", "test"):
        result.update(evaluate(trainer, module, data, split))
    return result


def _selected(trainer: Any) -> dict[str, int]:
    """Return the round of validation that was selected, and the number of rounds."""
    from suite.training.callbacks.selection import Selection

    selection = next((callback for callback in trainer.callbacks if isinstance(callback, Selection)), None)
    return {} if selection is None else {"best_epoch": selection.best_round, "epochs": selection.rounds}

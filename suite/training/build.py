"""Builds data, module, callbacks, loggers and Trainer from a config. Nothing else in the trainer instantiates one."""

import inspect
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment

from suite.config.secrets import mask
from suite.console import ignore_deprecations
from suite.data.module import TaskData
from suite.errors import UserError
from suite.training.base_task_module import BaseTaskModule
from suite.training.callbacks.checkpoints import Checkpoints, VerifiedCheckpointIO
from suite.training.callbacks.guards import ProcessesAgree, StopOnNonFinite
from suite.training.callbacks.signals import StopSignals
from suite.training.callbacks.validation import ValidateEpochs
from suite.training.config import RunConfig
from suite.training.instantiate import instantiate, locate

# Lightning advertises at INFO in each Trainer; set here because importing it resets the level.
for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.WARNING)
if not torch.cuda.is_available():
    # Without this, importing Lightning makes torch look for NVIDIA's library in each optimiser step: 0.07 to 0.2 ms.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"

ignore_deprecations()


def build_data(config: Mapping[str, Any]) -> TaskData:
    """Return the data module of a config, prepared and set up: its files are found or downloaded, read and checked.

    Raises UserError for data that are not available or not valid.
    """
    data = instantiate(config["data"], "data")
    if not isinstance(data, TaskData):
        raise UserError(f"data._target_={config['data']['_target_']} must be a subclass of suite.data.TaskData")
    data.prepare_data()
    data.setup("fit")
    return data


def build_module(config: Mapping[str, Any], facts: Mapping[str, Any]) -> BaseTaskModule:
    """Return the task's LightningModule around its network; ``hparams`` has ``config`` and ``facts``.

    Args:
        config: resolved config of a run.
        facts: of the data module or of a checkpoint, for example the number of classes. The network receives those
            that its constructor names.

    Raises:
        UserError: for a target that is not allowed, and for a wrong value or argument.
    """
    target = config["model"].get("_target_")
    known = inspect.signature(locate(target, "model")).parameters if target else {}
    net = instantiate(config["model"], "model", **{name: fact for name, fact in facts.items() if name in known})
    optim = instantiate(config["optim"], "optim")
    try:
        optim(net.parameters())  # torch checks the values only here
    except (TypeError, ValueError) as error:
        raise UserError(f"optim: {error}") from error
    schedule = {"schedule": instantiate(config["schedule"], "schedule")} if config.get("schedule") else {}
    module = instantiate(config["module"], "module", net=net, optim=optim, **schedule)
    if not isinstance(module, BaseTaskModule):
        raise UserError(
            f"module._target_={config['module']['_target_']} must be a subclass of suite.training.BaseTaskModule"
        )
    module.save_hyperparameters({"config": mask(config), "facts": facts}, logger=False)
    return module


def build_callbacks(config: RunConfig, folder: Path, signals: StopSignals, module: BaseTaskModule) -> list[pl.Callback]:
    """Return the callbacks of a run: those of the config, selection, guards, validation and checkpoints.

    Args:
        config: of the run.
        folder: of its checkpoints.
        signals: that end the run.
        module: that is trained.
    """
    own = [instantiate(node, f"callbacks.{name}") for name, node in config.callbacks.items()]
    selection = [instantiate(config.selection, "selection")] if config.selection else []
    validation = [] if module.uses_validation_loop else [ValidateEpochs()]
    guards = [StopOnNonFinite(folder), ProcessesAgree(config.source)]
    checkpoints = Checkpoints(folder, signals, config.seed, **asdict(config.checkpoints))
    return [*own, *selection, signals, *guards, *validation, checkpoints]


def build_loggers(config: RunConfig, run_dir: Path) -> list[Logger]:
    """Return the loggers of the config, which write to ``run_dir``."""
    return [instantiate(node, f"logger.{name}", run_dir=run_dir) for name, node in config.logger.items()]


def build_trainer(
    trainer: Mapping[str, Any],
    *,
    callbacks: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
    saved: tuple[Path, dict[str, Any]] | None = None,
    distributed: bool = False,
    **settings: Any,
) -> pl.Trainer:
    """Return the Lightning Trainer of a config.

    Args:
        trainer: the section ``trainer`` of the config.
        callbacks: of the Trainer; it has no others.
        loggers: of the Trainer; it has no others.
        saved: path and content of the checkpoint to resume from.
        distributed: whether to use the devices, nodes and strategy of the config; otherwise one device.
        settings: arguments of ``lightning.pytorch.Trainer`` that replace those of the config.
    """
    arguments = dict(trainer)
    if not distributed:
        devices = arguments["devices"]
        arguments |= {"devices": devices if isinstance(devices, list) else 1, "num_nodes": 1, "strategy": "auto"}
    arguments |= {"enable_checkpointing": any(isinstance(one, Checkpoint) for one in callbacks), **settings}
    # The elastic agent starts the processes; Lightning would take the tasks of a SLURM job for its processes.
    workers = "TORCHELASTIC_RUN_ID" in os.environ
    plugins = [TorchElasticEnvironment() if workers else LightningEnvironment(), VerifiedCheckpointIO(saved)]
    return instantiate(arguments, "trainer", logger=[*loggers] or False, callbacks=[*callbacks], plugins=plugins)

"""The one place where config becomes objects; beyond it, parts receive arguments and never see a config."""

import inspect
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment

from suite.console import ignore_deprecations
from suite.data.module import TaskData
from suite.errors import UserError
from suite.training.base_task_module import BaseTaskModule
from suite.training.callbacks.checkpoints import Checkpoints, VerifiedCheckpointIO
from suite.training.callbacks.guards import ProcessesAgree, StopOnNonFinite
from suite.training.callbacks.signals import StopSignals
from suite.training.instantiate import instantiate, locate

# Lightning advertises at INFO in every Trainer; set here because importing it resets the level.
for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.WARNING)
if not torch.cuda.is_available():
    # Importing Lightning makes torch look for NVIDIA's library at every optimiser step: 0.07 to 0.2 ms for nothing.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"

ignore_deprecations()


def build_data(config: Mapping[str, Any]) -> Any:
    """The data module, prepared and set up: files found or fetched, read, checked."""
    data = instantiate(config["data"], "data")
    if not isinstance(data, TaskData):
        raise UserError(f"data._target_={config['data']['_target_']} must be a subclass of suite.data.TaskData")
    data.prepare_data()
    data.setup("fit")
    return data


def build_module(config: Mapping[str, Any], facts: Mapping[str, Any]) -> BaseTaskModule:
    """The task's Lightning module around its network.

    ``facts`` come from the data module (feature width, number of classes) or from a checkpoint; the network receives
    those that its constructor names.
    """
    target = config["model"].get("_target_")
    known = inspect.signature(locate(target, "model")).parameters if target else {}
    net = instantiate(config["model"], "model", **{name: fact for name, fact in facts.items() if name in known})
    optim = instantiate(config["optim"], "optim")
    try:
        optim(net.parameters())  # torch looks at the values only here
    except (TypeError, ValueError) as error:
        raise UserError(f"optim: {error}") from error
    module = instantiate(config["module"], "module", net=net, optim=optim)
    if not isinstance(module, BaseTaskModule):
        raise UserError(
            f"module._target_={config['module']['_target_']} is no suite.training.base_task_module.TaskModule"
        )
    if config.get("schedule"):
        module.schedule = instantiate(config["schedule"], "schedule")
    return module


def build_trainer(
    config: Mapping[str, Any],
    run_dir: Path | None = None,
    signals: StopSignals | None = None,
    first: bool = True,
    saved: tuple[Path, dict[str, Any]] | None = None,
) -> pl.Trainer:
    """The Lightning trainer; with ``run_dir`` also its loggers and callbacks, which write there.

    Args:
        signals: that end the run; a run that nobody interrupts has none.
        first: whether this is the process that writes; the others log nothing.
        saved: the checkpoint to go on from, read and checked.
    """
    trainer = {**config["trainer"], "enable_checkpointing": run_dir is not None}
    loggers: list[Any] = []
    callbacks: list[Any] = []
    workers = "TORCHELASTIC_RUN_ID" in os.environ
    if run_dir is not None:
        folder = run_dir / "checkpoints"
        if first:
            for name, node in (config.get("logger") or {}).items():
                loggers.append(instantiate(node, f"logger.{name}", run_dir=run_dir))
        for name, node in (config.get("callbacks") or {}).items():
            callbacks.append(instantiate(node, f"callbacks.{name}"))
        if config.get("selection"):
            callbacks.append(instantiate(config["selection"], "selection"))
        signals = signals or StopSignals()
        callbacks += [signals, StopOnNonFinite(folder), ProcessesAgree()]
        callbacks.append(Checkpoints(folder, signals, **(config.get("checkpoints") or {})))  # last, and it saves all
    else:
        trainer |= {"devices": trainer["devices"] if isinstance(trainer["devices"], list) else 1}
        trainer |= {"num_nodes": 1, "strategy": "auto"}
    # Lightning would take a SLURM job's tasks for its own processes; ours are the elastic agent's to start
    plugins = [TorchElasticEnvironment() if workers else LightningEnvironment(), VerifiedCheckpointIO(saved)]
    return instantiate(trainer, "trainer", logger=loggers or False, callbacks=callbacks, plugins=plugins)

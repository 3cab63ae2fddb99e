"""The one place where config becomes objects; beyond it, parts receive arguments and never see a config."""

import inspect
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hydra.utils
import lightning.pytorch as pl
import torch
from hydra.errors import InstantiationException
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from suite.config.packages import GROUP, config_packages
from suite.console import ignore_deprecations
from suite.data.module import TaskData
from suite.errors import UserError
from suite.training.base_task_module import BaseTaskModule
from suite.training.callbacks.checkpoints import Checkpoints, VerifiedCheckpointIO
from suite.training.callbacks.guards import ProcessesAgree, StopOnNonFinite
from suite.training.callbacks.signals import StopSignals

# Lightning advertises at INFO in every Trainer; set here because importing it resets the level.
for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.WARNING)
if not torch.cuda.is_available():
    # Importing Lightning makes torch look for NVIDIA's library at every optimiser step: 0.07 to 0.2 ms for nothing.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"

ignore_deprecations()

TRUSTED = ("suite.", "tasks.", "torch.nn.", "torch.optim.", "lightning.pytorch.")


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
    _check_target("model", _target(config["model"], "model"), _trusted())
    known = inspect.signature(hydra.utils.get_class(_target(config["model"], "model"))).parameters
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


def instantiate(node: Mapping[str, Any], where: str, **arguments: Any) -> Any:
    """Build one config node with Hydra after checking every ``_target_`` in it.

    A UserError raised inside a constructor passes unchanged; a wrong value or argument is told with its place in the
    config.
    """
    trusted = _trusted()
    for place, target in _targets(node, where):
        _check_target(place, target, trusted)
    try:
        return hydra.utils.instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        if isinstance(cause, (TypeError, ValueError, MisconfigurationException)):
            raise UserError(f"{where}: {cause}") from error
        raise


def _check_target(place: str, target: str, trusted: tuple[str, ...]) -> None:
    """Refuse what a config has no business to call; one may come from a checkpoint or a download.

    The name must start in this suite, torch's layers and optimisers, Lightning or an installed task package, and what
    it finds must be defined there too: ``suite.training.run.directory.os.system`` starts well and ends elsewhere.
    """
    if target.startswith(trusted):
        try:
            found = hydra.utils.get_object(target)
        except (ImportError, AttributeError, ValueError, InstantiationException) as error:
            raise UserError(f"{place}._target_={target} cannot be found: {error}") from error
        if f"{getattr(found, '__module__', '')}.".startswith(trusted):
            return
    raise UserError(
        f"{place}._target_={target} is refused: a config may only name classes of {', '.join(trusted)}. "
        f"To use your own, install it as a package with an entry point in the group {GROUP}"
    )


def _target(node: Mapping[str, Any], where: str) -> str:
    if "_target_" not in node:
        raise UserError(f"{where} names no _target_; a preset of the group '{where}' must say which class to build")
    return node["_target_"]


def _targets(node: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield where, str(node["_target_"])
        for key, child in node.items():
            yield from _targets(child, f"{where}.{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _targets(child, f"{where}[{index}]")


def _trusted() -> tuple[str, ...]:
    return (*TRUSTED, *(package.split(".")[0] + "." for package in config_packages()[1:]))

"""The keys of a config that the trainer itself reads, parsed and checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from suite.errors import UserError, check_at_least, did_you_mean

T = TypeVar("T")
Nodes = Mapping[str, Any]  # config nodes that Hydra instantiates


@dataclass(frozen=True)
class CheckpointsConfig:
    """How often a run is saved: the section ``checkpoints``.

    Args:
        every_seconds: wall time between checkpoints; None counts steps only.
        every_steps: optimiser steps between checkpoints; None counts seconds only.
    """

    every_seconds: float | None
    every_steps: int | None


@dataclass(frozen=True)
class ClusterConfig:
    """The nodes of a run: the section ``cluster``.

    Args:
        endpoint: HOST:PORT of the first of several nodes.
        node: number of this node.
        slurm: whether the SLURM job defines the nodes.
        timeout: seconds to wait for the other nodes.
    """

    endpoint: str | None
    node: int
    slurm: bool
    timeout: int


@dataclass(frozen=True)
class RunConfig:
    """What the trainer reads of a config; ``conf/train.yaml`` explains each key and has its default.

    The sections ``data``, ``model``, ``optim`` and ``module`` belong to the task and are not read here.

    Args:
        source: the whole config, resolved and plain; a run records it.
        task_name: of the task.
        seed: of Python, NumPy and torch.
        run_dir: directory of the run; None makes a new one.
        resume: run or checkpoint to resume from, ``auto`` or ``auto_or_new``; None starts a new run.
        allow_changes: whether a run may resume with other data or another config than its checkpoint has.
        compile: whether the network is compiled.
        prefetch: number of batches that a separate process prepares in advance.
        resident: whether data stay on the device.
        threads: number of threads of torch's CPU operators; None keeps torch's default.
        checkpoints: how often the run is saved.
        cluster: the nodes of the run.
        trainer: arguments of ``lightning.pytorch.Trainer``.
        callbacks, logger, schedule, selection: nodes that are instantiated.
    """

    source: dict[str, Any]
    task_name: str
    seed: int
    run_dir: str | None
    resume: str | None
    allow_changes: bool
    compile: bool
    prefetch: int
    resident: bool
    threads: int | None
    checkpoints: CheckpointsConfig
    cluster: ClusterConfig
    trainer: Nodes
    callbacks: Nodes
    logger: Nodes
    schedule: Nodes
    selection: Nodes

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> "RunConfig":
        """Return the trainer's part of a resolved, plain config, for example of ``suite.compose``.

        Raises UserError for a missing key, an unknown key of a section, and a value of the wrong type or range.
        """
        sections = ("checkpoints", "cluster")
        nodes = ("callbacks", "logger", "schedule", "selection")
        values = {**config, "source": dict(config), **{name: config.get(name) or {} for name in nodes}}
        types = get_type_hints(cls)
        for name in sections:
            values[name] = _read(types[name], values.get(name), name)
        own = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        found = _read(cls, own, "")
        bounds: dict[str, tuple[int, float | None]] = {
            "seed": (0, found.seed),
            "prefetch": (0, found.prefetch),
            "threads": (1, found.threads),
            "checkpoints.every_seconds": (0, found.checkpoints.every_seconds),
            "checkpoints.every_steps": (0, found.checkpoints.every_steps),
            "cluster.timeout": (1, found.cluster.timeout),
        }
        for key, (least, value) in bounds.items():
            if value is not None:
                check_at_least(least, key, value)
        return found


def _read(cls: type[T], values: Any, section: str) -> T:
    """Return ``cls`` with the values of a section, each of the type that its field has."""
    if not isinstance(values, Mapping):
        raise UserError(f"{section} must be a group of keys, got {values!r}")
    types, place = get_type_hints(cls), f"{section}." if section else ""
    for name in values:
        if name not in types:
            raise UserError(f"{place}{name} is not a key of the config.{did_you_mean(name, types)}")
    for name, kind in types.items():
        if name not in values:
            raise UserError(f"the config has no key {place}{name}; compose it with suite.compose")
        if not _fits(kind, values[name]):
            raise UserError(f"{place}{name} must be {_name(kind)}, got {values[name]!r}")
    return cls(**values)


def _fits(kind: Any, value: Any) -> bool:
    if kinds := get_args(kind) if not hasattr(kind, "__origin__") else ():
        return any(_fits(one, value) for one in kinds)
    if hasattr(kind, "__origin__"):
        return isinstance(value, Mapping)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float)) if kind is float else isinstance(value, kind)


def _name(kind: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}
    kinds = get_args(kind) if not hasattr(kind, "__origin__") else ()
    return " or ".join(_name(one) for one in kinds) or names.get(kind, "a group of keys")

"""Metrics of a checkpoint on a split of the data that it was trained on."""

import os
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.api.overrides import to_dotlist
from suite.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from suite.data.module import TaskData
    from suite.training.base_task_module import BaseTaskModule

__all__ = ["evaluate"]

SPLITS = ("train", "val", "test")


def evaluate(
    path: str | os.PathLike[str], split: str = "test", *overrides: str, fetch: bool = False, **values: Any
) -> dict[str, float]:
    """Return the metrics of a checkpoint on one split, equal to those that its run recorded.

    Args:
        path: a checkpoint file or the directory of a run.
        split: ``"train"``, ``"val"`` or ``"test"``.
        overrides: changes of the recorded config, for example ``data.dir=DIR``; ``values`` the same as Python values.
        fetch: download or generate the data if they are missing.

    Raises:
        UserError: for a file that is not a checkpoint, and for data that differ from those it was trained on.
    """
    check_split(split)
    from suite.api.model import load

    return load(path, *to_dotlist(overrides, values), fetch=fetch).evaluate(split)


def check_split(split: str) -> None:
    """Raise UserError for a name that is not one of a split."""
    if split not in SPLITS:
        raise UserError(f"split={split} is not known.{did_you_mean(split, SPLITS)}")


def evaluate_split(
    module: "BaseTaskModule", data: "TaskData", config: Mapping[str, Any], split: str
) -> dict[str, float]:
    """Metrics of a module on one split of a data module: ``{"test/accuracy": 0.8}``."""
    from suite.training.base_task_module import evaluate as evaluate_module
    from suite.training.build import build_trainer

    return evaluate_module(build_trainer(config["trainer"]), module, data, split)


def check_facts(path: Path, recorded: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raise UserError if the data differ from those that the checkpoint at ``path`` was trained on."""
    if changed := changed_facts(recorded, found):
        raise UserError(
            f"{path} was trained on other data: {'; '.join(changed)}. "
            "Use the data that it was trained on, for example data.dir=DIR"
        )


def changed_facts(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each fact that differs."""
    return [
        f"{name} is {_short(found.get(name))} here and {_short(fact)} in the checkpoint"
        for name, fact in recorded.items()
        if found.get(name) != fact
    ]


def _short(fact: object) -> str:
    """At most 40 characters of a fact, for messages: a vocabulary would fill the screen."""
    text = reprlib.repr(fact) if isinstance(fact, (list, tuple, dict)) else str(fact)
    return text if len(text) <= 40 else f"{text[:36]} ..."

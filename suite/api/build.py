"""Configs, modules, data and predictors, built for use in Python."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from suite.api.overrides import to_overrides
from suite.errors import UserError

if TYPE_CHECKING:
    from suite.data.module import TaskData
    from suite.predictor import Predictor
    from suite.training.base_task_module import BaseTaskModule

__all__ = ["build", "build_predictor", "compose"]


def compose(*overrides: str, **values: Any) -> dict[str, Any]:
    """Return the resolved config of a run as a plain dict.

    Args:
        overrides: ``KEY=VALUE`` as on the command line of ``attn train``; ``task=NAME`` is required.
        values: the same as Python values; a dict sets the keys below its name: ``model={"num_heads": 4}``.

    Raises:
        UserError: for an unknown preset or key, and for a value of the wrong type.
    """
    from suite.config.compose import compose as compose_strings

    return compose_strings(to_overrides(overrides, values))


def build(*overrides: str, **values: Any) -> tuple["BaseTaskModule", "TaskData"]:
    """Return the LightningModule and the LightningDataModule of a config, for a Trainer of your own.

    The weights follow from ``seed``; the data are found or downloaded, read and split. Takes the same arguments as
    ``compose``.

    >>> module, data = build("task=graph", "data=graph/synthetic")
    >>> type(module).__name__
    'NodeClassification'

    ``lightning.pytorch.Trainer(max_epochs=5).fit(module, datamodule=data)`` trains it.

    Raises:
        UserError: for what ``compose`` rejects, and for data that are not available.
    """
    from suite.training.config import RunConfig
    from suite.training.run.process import prepare

    data, module = prepare(RunConfig.parse(compose(*overrides, **values)))
    return module, data


def build_predictor(
    config: Mapping[str, Any],
    module: "BaseTaskModule",
    facts: Mapping[str, Any],
    data: Callable[[], Any] | None = None,
) -> "Predictor[Any, Any]":
    """Return the predictor that the ``predict`` section of a config names, around a trained module.

    ``data`` builds the training data, for predictors that need them. Raises UserError if the task names no predictor,
    and for wrong values in the section.
    """
    from suite.predictor import Predictor
    from suite.training.build import instantiate

    if not config.get("predict"):
        raise UserError(f"task={config['task_name']} has no predictor: its config has no section 'predict'")
    make = instantiate({**config["predict"], "_partial_": True}, "predict")
    try:
        if not issubclass(make.func, Predictor):
            return make(net=module.net, facts=facts)
        predictor: Predictor[Any, Any] = make(module, facts, data=data)
        return predictor
    except TypeError as error:
        raise UserError(f"predict: {error}") from error

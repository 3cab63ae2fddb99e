"""From a checkpoint back to what it was: its config, its module with the trained weights, its facts."""

from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from suite.config.checks import explain
from suite.errors import UserError
from suite.training.base_task_module import BaseTaskModule
from suite.training.state import checkpoint_file


class Restored(NamedTuple):
    """A run as its checkpoint remembers it; ``config`` holds the overrides of now."""

    config: dict[str, Any]
    module: BaseTaskModule
    facts: dict[str, Any]


def restore(path: Path, overrides: list[str]) -> Restored:
    """Rebuild the module of a checkpoint, weights included, without its data.

    ``overrides`` change keys of the recorded config. Raises UserError for what is no checkpoint, for a key the config
    does not have, and for weights that do not fit the network that the overrides ask for.
    """
    from suite.training.build import build_module

    content = checkpoint_file.load(path)
    config = merge(content["config"], overrides)
    module = build_module(config, content["facts"])
    try:
        module.load_state_dict(content["state_dict"])
    except RuntimeError as error:
        raise UserError(
            f"the weights in {path} do not fit the network of this config: {str(error).splitlines()[-1].strip()}. "
            "Leave out the overrides of model and attention"
        ) from error
    return Restored(config, module.eval(), content["facts"])


def merge(recorded: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """The recorded config with ``KEY=VALUE`` overrides, plain; raises UserError for a key that it does not have."""
    config = OmegaConf.create(recorded)
    OmegaConf.set_struct(config, True)
    try:
        for override in overrides:
            config.merge_with_dotlist([override])
    except OmegaConfBaseException as error:
        wrapped = Exception(str(error))
        wrapped.__cause__ = error
        raise UserError(explain(wrapped)) from error
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return plain  # type: ignore[return-value]

"""From a checkpoint back to what it was: its config, its module with the trained weights, its facts."""

from pathlib import Path
from typing import Any, NamedTuple

from suite.errors import UserError
from suite.training.base_task_module import BaseTaskModule
from suite.training.state import checkpoint_file
from suite.training.trusted import trusted_config


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
    content = checkpoint_file.load(path)
    config = trusted_config(content["config"], path, overrides)
    module = _build(path, config, content["facts"])
    try:
        module.load_state_dict(content["state_dict"])
    except Exception as error:  # a state_dict that anyone wrote may be wrong in any way
        reason = (str(error).splitlines() or [type(error).__name__])[-1].strip()
        raise UserError(
            f"the weights in {path} do not fit the network of this config: {reason}. "
            "Leave out the overrides of model and attention"
        ) from error
    return Restored(config, module.eval(), content["facts"])


def _build(path: Path, config: dict[str, Any], facts: dict[str, Any]) -> BaseTaskModule:
    """The module of a config and of facts that anyone may have written: they may be wrong in any way."""
    from suite.training.build import build_module

    try:
        return build_module(config, facts)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:
        raise UserError(f"{path}: its config does not build a model ({type(error).__name__}: {error})") from error

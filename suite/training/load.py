"""Load a checkpoint: its config, its module with the trained weights, and the facts of its data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from suite.config.overrides import typed_keys
from suite.data.identity import SampleRecord
from suite.errors import UserError
from suite.training.base_task_module import BaseTaskModule
from suite.training.state import checkpoint_file
from suite.training.trusted import trusted_config

# Arguments of the trainer that write files; a checkpoint is measured without them.
TRAINER_EFFECTS = ("barebones", "callbacks", "default_root_dir", "fast_dev_run", "logger", "plugins", "profiler")


class Restored(NamedTuple):
    """Config, with overrides applied, module, facts and samples of a checkpoint."""

    config: dict[str, Any]
    module: BaseTaskModule
    facts: dict[str, Any]
    samples: SampleRecord | None


def restore(path: Path, overrides: list[str]) -> Restored:
    """Rebuild the module of a checkpoint with its weights; its data are not needed.

    Args:
        path: of the checkpoint.
        overrides: ``KEY=VALUE`` for keys of the recorded config.

    Raises:
        UserError: for a file that is not a checkpoint, for an unknown key, and if the weights do not fit the network
            that the overrides describe.
    """
    content = checkpoint_file.load(path)
    config = trusted_config(content["config"], path, overrides)
    _check_kernels(path, config, overrides)
    typed = typed_keys(overrides)
    for key in TRAINER_EFFECTS:
        if f"trainer.{key}" not in typed:
            config["trainer"].pop(key, None)
    module = _build(path, config, content["facts"])
    try:
        module.load_state_dict(content["state_dict"])
    except Exception as error:  # a state_dict that anyone wrote may be wrong in any way
        reason = (str(error).splitlines() or [type(error).__name__])[-1].strip()
        raise UserError(
            f"the weights in {path} do not fit the network of this config: {reason}. "
            "Leave out the overrides of model and attention"
        ) from error
    return Restored(config, module.eval(), content["facts"], checkpoint_file.sample_record((path, content)))


def _build(path: Path, config: dict[str, Any], facts: dict[str, Any]) -> BaseTaskModule:
    """The module of a config and of facts that anyone may have written: they may be wrong in any way."""
    from suite.training.build import build_module

    try:
        return build_module(config, facts)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:
        raise UserError(f"{path}: its config does not build a model ({type(error).__name__}: {error})") from error


def _check_kernels(path: Path, config: dict[str, Any], overrides: list[str]) -> None:
    """Raise UserError if the config asks for compiled kernels that are not built on this machine."""
    from suite.attention.compiled.library import available

    typed = typed_keys(overrides)
    for place in _compiled(config, ""):
        if place not in typed and not available():
            raise UserError(
                f"{path}: {place}=compiled, and the kernels are not built on this machine. Nothing is compiled because "
                f"a file says so; build them with {place}=compiled, or choose {place}=auto"
            )


def _compiled(value: Any, place: str) -> Iterator[str]:
    """The places where a config chooses the compiled implementation."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _compiled(child, f"{place}.{key}".lstrip("."))
    elif value == "compiled" and place.endswith("implementation"):
        yield place

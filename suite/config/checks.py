"""Checks of a composed config, and messages for the errors of Hydra."""

from collections.abc import Mapping
from inspect import signature
from typing import Any, get_args, get_origin

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from suite.config.packages import options
from suite.errors import UserError, did_you_mean

HYDRA_ERRORS = (HydraException, OmegaConfBaseException)
TASK_GROUPS = ("data", "model")  # presets of these groups are named by task: data=documents/imdb


def explain(error: Exception) -> str:
    """Return a message for an error of Hydra or OmegaConf: the thing, the reason, the nearest valid name."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).partition("/")
        return f"{group}={option} is not known.{did_you_mean(option, options(group))}"
    if isinstance(error, OverrideParseException):
        return f"'{error.override}' cannot be read as KEY=VALUE: {str(error).splitlines()[0]}"
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and isinstance(cause.parent_node, DictConfig):
        path, _, key = str(cause.full_key).rpartition(".")
        near = did_you_mean(key, (str(name) for name in cause.parent_node))
        return f"{cause.full_key} is not a key of the config{f' below {path}' if path else ''}.{near}"
    if isinstance(error, ConfigCompositionException) and "You must specify" in str(error):
        return " ".join(str(error).split()) + ". `attn tasks` lists them"
    lines = [line for line in (*str(error).splitlines(), *(str(cause).splitlines() if cause else ())) if line.strip()]
    return " ".join(lines[:3])


def check(config: DictConfig, choices: Mapping[str, str], overrides: list[str]) -> dict[str, Any]:
    """Check a composed config and return it as a resolved plain dict. Raises UserError."""
    check_groups(choices)
    check_types(overrides, choices, config)
    try:
        plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise UserError(f"{error.full_key} has no value; give it one with {error.full_key}=VALUE") from error
    return plain


def check_presets(overrides: list[str]) -> None:
    """Raise UserError for a preset that is not a name, such as ``optim=3``; Hydra raises a bare ValueError."""
    for override in OverridesParser.create().parse_overrides(overrides):
        group, value = override.key_or_group, override.value()
        if isinstance(value, (bool, int, float)) and (presets := options(group)):
            raise UserError(f"{group}={value} is not known.{did_you_mean(str(value), presets)}")


def check_groups(choices: Mapping[str, str]) -> None:
    """Raise UserError for a preset of another task, such as ``task=graph data=documents/imdb``."""
    task = choices["task"]
    for group in TASK_GROUPS:
        choice = choices.get(group)
        if choice and "/" in choice and choice.split("/", 1)[0] != task:
            raise UserError(
                f"task={task} cannot use {group}={choice}, which belongs to task={choice.split('/', 1)[0]}. "
                f"Choose {group}={task}/... , or task={choice.split('/', 1)[0]}"
            )


def check_types(overrides: list[str], choices: Mapping[str, str], config: DictConfig) -> None:
    """Raise UserError for a value of another type than in the preset, such as ``seed=abc`` or ``optim.lr=null``.

    The presets are the schema: an int accepts ints, a float also ints, text accepts text, and null anything. The checks
    therefore need no schema beside the yaml and import no heavy package.
    """
    values = [
        override
        for override in OverridesParser.create().parse_overrides(overrides)
        if override.key_or_group not in choices and not override.is_add() and not override.is_delete()
    ]
    if not values:
        return
    from hydra import compose

    groups = [text for text in overrides if text.lstrip("+~").split("=", 1)[0].split("@", 1)[0] in choices]
    presets = compose("train", overrides=groups)
    for override in values:
        key = override.key_or_group
        default = OmegaConf.select(presets, key, throw_on_missing=False)
        found = OmegaConf.select(config, key)
        if not _fits(default, found) and not _accepts(presets, key, found):
            raise UserError(
                f"{key}={found if found is not None else 'null'} is not {_kind(default)}; "
                f"the preset has {key}={default}"
            )


def _fits(default: Any, found: Any) -> bool:
    if default is None or (isinstance(default, str) and default == "???"):
        return True
    if isinstance(default, bool) or isinstance(found, bool):
        return isinstance(default, bool) and isinstance(found, bool)
    if isinstance(default, float):
        return isinstance(found, (int, float))
    if isinstance(default, str):
        return isinstance(found, str)
    return isinstance(found, type(default))


def _accepts(presets: DictConfig, key: str, value: Any) -> bool:
    """Whether the class that a preset names takes another type for ``key`` than the preset's value has.

    Examples are ``selection.patience=null`` and ``trainer.devices=4``, whose preset is ``auto``.
    """
    parent, _, name = key.rpartition(".")
    target = OmegaConf.select(presets, f"{parent}._target_")
    parameter = signature(get_class(target), eval_str=True).parameters.get(name) if target else None
    kinds = get_args(parameter.annotation) if parameter is not None else ()
    given = list if OmegaConf.is_list(value) else type(value)
    return given in {get_origin(kind) or kind for kind in kinds}


def _kind(default: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return names.get(type(default), "a list" if OmegaConf.is_list(default) else "a group of keys")

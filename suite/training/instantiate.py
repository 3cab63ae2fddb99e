"""Build the objects that a config names."""

import importlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from lightning.pytorch.utilities.exceptions import MisconfigurationException

from suite.config.secrets import MASK
from suite.errors import UserError

__all__ = ["instantiate", "locate"]


def instantiate(node: Mapping[str, Any], where: str, **arguments: Any) -> Any:
    """Return the object of a config node: ``_target_`` called with the other keys of the node.

    Nodes inside the node are built first. Every other value is passed unchanged: nothing in a string is interpreted,
    so that a word such as ``???`` or ``${x}`` stays that word. ``_partial_: true`` returns a partial object, which the
    code that uses it completes; ``_args_`` is a list of positional arguments.

    A config from a file is checked by ``suite.training.trusted`` before it comes here.

    Args:
        node: a plain mapping with the key ``_target_``.
        where: its place in the config, for messages.
        arguments: Python objects that are passed as they are; they take precedence over keys of the node.

    Raises:
        UserError: if the target cannot be found, or does not accept a value or an argument. A UserError of the
            constructor passes unchanged.
    """
    target = node.get("_target_")
    if not isinstance(target, str):
        raise UserError(f"{where} has no _target_; a preset of the group '{where}' must name the class to build")
    values = {str(key): _value(value, f"{where}.{key}") for key, value in node.items() if key not in _KEYS}
    positional = [_value(value, f"{where}._args_[{index}]") for index, value in enumerate(node.get("_args_") or ())]
    call = locate(target, where)
    try:
        if node.get("_partial_"):
            return partial(call, *positional, **{**values, **arguments})
        return call(*positional, **{**values, **arguments})
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise UserError(f"{where}: {error}") from error


_KEYS = ("_target_", "_partial_", "_args_")


def _value(value: Any, where: str) -> Any:
    """A value of a node with the nodes inside it built."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            return instantiate(value, where)
        return {key: _value(child, f"{where}.{key}") for key, child in value.items()}
    if isinstance(value, str) and MASK in value:
        raise UserError(
            f"{where} is a secret that was masked when the config was written; pass it again: {where}=VALUE"
        )
    if isinstance(value, (list, tuple)):
        return [_value(child, f"{where}[{index}]") for index, child in enumerate(value)]
    return value


def locate(target: str, where: str) -> Any:
    """Return the object of a dotted name, for example ``torch.optim.Adam``. Raises UserError if there is none."""
    first, *rest = target.split(".")
    try:
        found: Any = importlib.import_module(first)
        path = first
        for name in rest:
            path = f"{path}.{name}"
            try:
                found = getattr(found, name)
            except AttributeError:
                found = importlib.import_module(path)
    except (ImportError, ValueError) as error:
        raise UserError(f"{where}._target_={target} cannot be found: {error}") from error
    if not callable(found):
        raise UserError(f"{where}._target_={target} is not a class")
    return found

"""Overrides from Python values: ``seed=1`` and ``model={"num_heads": 4}`` as KEY=VALUE."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["to_dotlist", "to_overrides"]

PLAIN = re.compile(r"[A-Za-z_/.][\w./@-]*")  # text that Hydra reads as text without quotes
NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "none", "nan", "inf", ".nan", ".inf"}


def to_overrides(overrides: Iterable[str], values: Mapping[str, Any]) -> list[str]:
    """Return overrides for a config that Hydra composes: ``overrides`` as they are, then one for each of ``values``.

    A dict sets the keys below its name. Text keeps its type: the text ``"1"`` does not become a number.

    >>> to_overrides(["task=graph"], {"seed": 1, "model": {"num_heads": 4}, "optim.lr": 0.1, "run_dir": None})
    ['task=graph', 'seed=1', 'model.num_heads=4', 'optim.lr=0.1', 'run_dir=null']

    Raises:
        TypeError: if a value is not None, bool, int, float, str, a path, or a list or dict of them.
    """
    return [*overrides, *(f"{key}={_text(value)}" for key, value in _flat(values))]


def to_dotlist(overrides: Iterable[str], values: Mapping[str, Any]) -> list[str]:
    """Return overrides for a recorded config, whose values are YAML; otherwise as ``to_overrides``."""
    return [*overrides, *(f"{key}={json.dumps(value, default=os.fspath)}" for key, value in _flat(values))]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _text(value: Any) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) and value.lower() not in NOT_TEXT else _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_text(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"a config holds plain values, got {value!r} of type {type(value).__name__}")


def _quoted(text: str) -> str:
    """Quote text for Hydra, which reads a backslash as an escape only in front of a quote."""
    return "'" + re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + (found[2] and "\\'"), text) + "'"

"""Overrides of a recorded config: ``KEY=VALUE`` changes plain values, and nothing in them is interpreted."""

import copy
import json
import re
from collections.abc import Iterable
from typing import Any

from suite.errors import UserError, did_you_mean

__all__ = ["merge", "parse_value", "typed_keys"]

_INDEX = re.compile(r"\[(\d{1,6})\]")


def merge(recorded: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Return a copy of ``recorded`` with overrides ``KEY=VALUE``; the values are YAML.

    Raises UserError for a key that the config does not have, and for a value that cannot be read.
    """
    config = copy.deepcopy(recorded)
    for override in overrides:
        key, _, text = override.partition("=")
        _set(config, _path(key), parse_value(text, key), key)
    return config


def typed_keys(overrides: Iterable[str]) -> frozenset[str]:
    """The keys that overrides set, in the form of messages: ``data.files[0]``; a dict sets the keys inside it."""
    found: set[str] = set()
    for override in overrides:
        key, _, text = override.partition("=")
        place = _place(_path(key))
        value = parse_value(text, key)
        found.update(_leaves(place, value))
    return frozenset(found)


def parse_value(text: str, key: str) -> Any:
    """Return the value that a person wrote: a JSON text, list or mapping, or else YAML. Raises UserError."""
    from omegaconf import OmegaConf
    from yaml import YAMLError

    try:
        if text[:1] in ('"', "[", "{"):
            try:
                return json.loads(text)
            except ValueError:
                pass  # [a, b] is YAML
        if "${" in text or text == "???" or "\0" in text:  # OmegaConf and YAML would interpret or reject these
            return text
        read: Any = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]), resolve=False)
        return read["value"]
    except (ValueError, RecursionError, YAMLError) as error:
        raise UserError(f"{key}={text[:60]} cannot be read as a value: {str(error).splitlines()[0]}") from error


def _leaves(place: str, value: Any) -> Iterable[str]:
    if isinstance(value, dict) and value and "_target_" not in value:
        for key, child in value.items():
            yield from _leaves(f"{place}.{key}", child)
    else:
        yield place


def _path(key: str) -> list[str | int]:
    """``a.b[0].c`` as ``["a", "b", 0, "c"]``."""
    found: list[str | int] = []
    for name in key.split("."):
        bare = _INDEX.sub("", name)
        found += [*([bare] if bare else []), *(int(index) for index in _INDEX.findall(name))]
    return found


def _place(path: list[str | int]) -> str:
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path).lstrip(".")


def _set(config: Any, path: list[str | int], value: Any, key: str) -> None:
    """Change one value in place; a mapping changes the keys inside it."""
    for depth, step in enumerate(path):
        name: Any = int(step) if isinstance(config, list) and str(step).isdigit() else step
        if not (isinstance(config, list) and isinstance(name, int) and name < len(config)) and not (
            isinstance(config, dict) and name in config
        ):
            below = _place(path[:depth])
            known = [str(one) for one in config] if isinstance(config, dict) else []
            raise UserError(
                f"{key} is not a key of the config{f' below {below}' if below else ''}."
                f"{did_you_mean(str(name), known) if known else ''}"
            )
        if depth < len(path) - 1:
            config = config[name]
            continue
        if isinstance(value, dict) and isinstance(config[name], dict) and "_target_" not in value:
            for inner, child in value.items():
                _set(config[name], [str(inner)], child, f"{key}.{inner}")
        else:
            config[name] = value

"""The rule for a config that comes from a file: a checkpoint, the ``config.yaml`` of a run, a sweep.

Such a file can come from anyone, so that its config may only describe a model and its data:

* It names classes, never functions and never attributes that are reached through a module: classes that the presets of
  the suite and of installed packages name, classes that an installed package declares with an entry point of the group
  ``attention_suite.classes``, public classes of the suite and its tasks that derive from one of their base classes,
  and the modules, optimizers and callbacks of torch and Lightning that ``suite.config.known_classes`` lists.
* A section holds the kind of object that its name promises: ``data`` a ``TaskData``, ``optim`` an optimizer.
* A class receives keyword arguments that its constructor has, of plain types that fit their annotations.
* Strings are data. No resolver and no interpolation is evaluated.
* The address of a data set is the one that a preset states.

What a user types or passes as a Python object is not restricted.
"""

import importlib
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite.config.known_classes import KNOWN
from suite.config.overrides import merge, typed_keys
from suite.config.packages import CLASSES, declared_classes
from suite.config.plain_types import fits, kind_of
from suite.errors import UserError, did_you_mean

__all__ = ["trusted_config"]

MAX_DEPTH, MAX_VALUES, MAX_TEXT = 24, 20_000, 1 << 20
PACKAGES = ("suite.data.", "suite.training.", "suite.attention.", "tasks.")


def trusted_config(recorded: Any, source: Path | str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return a config that was read from a file, with the user's overrides applied.

    Args:
        recorded: the content of the file.
        source: the file, for messages.
        overrides: ``KEY=VALUE`` that a user typed; what they set is not restricted.

    Raises:
        UserError: naming the file and the key, for what such a config may not hold; and for an invalid override.
    """
    try:
        if not isinstance(recorded, dict):
            raise _UntrustedError("", f"is {kind_of(recorded)}")
        _check_plain(recorded)
        config, typed = merge(recorded, overrides), typed_keys(overrides)
        for section in ("task_name", "seed", "trainer", "data", "model", "module", "optim"):
            if section not in config:
                raise _UntrustedError(section, "is missing")
            if section not in ("task_name", "seed") and not isinstance(config[section], dict):
                raise _UntrustedError(section, f"is {kind_of(config[section])}")
        for place, node in _nodes(config, "", typed):
            _check_node(node, place, typed)
    except _UntrustedError as error:
        raise UserError(f"{source}: {error}") from None
    return config


class _UntrustedError(Exception):
    """What is wrong with a key; the caller adds the file."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place or 'the config'} {why}")


def _check_plain(config: dict[str, Any]) -> None:
    """Only plain values, and not more of them than a config has; a file of a few bytes can describe millions."""
    left, count = [("", config, 0)], 0
    while left:
        place, value, depth = left.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise _UntrustedError(place[:80], "is too large or too deep for a config")
        if isinstance(value, dict):
            for key, child in value.items():
                if not isinstance(key, (str, int)) or len(str(key)) > 200:
                    raise _UntrustedError(place, "has a key that is not a name")
                left.append((f"{place}.{key}".lstrip("."), child, depth + 1))
        elif isinstance(value, (list, tuple)):
            left.extend((f"{place}[{index}]", child, depth + 1) for index, child in enumerate(value[: MAX_VALUES + 1]))
        elif type(value) not in (type(None), bool, int, float, str):
            raise _UntrustedError(place, f"is of type {type(value).__name__}; a config holds plain values")
        elif isinstance(value, str) and len(value) > MAX_TEXT:
            raise _UntrustedError(place, f"is a text of {len(value)} characters")
        elif type(value) is int and abs(value) >= 1 << 63:
            raise _UntrustedError(place, "is an integer of more than 64 bits")


def _nodes(value: Any, place: str, typed: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All nodes that name a class, outside of what the user typed."""
    if place in typed:
        return
    if isinstance(value, dict):
        if "_target_" in value:
            yield place, value
        elif marks := [key for key in value if str(key).startswith("_") and str(key).endswith("_")]:
            raise _UntrustedError(f"{place}.{marks[0]}".lstrip("."), "is not possible here")
        for key, child in value.items():
            yield from _nodes(child, f"{place}.{key}".lstrip("."), typed)
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from _nodes(child, f"{place}[{index}]", typed)


def _check_node(node: Mapping[str, Any], place: str, typed: Collection[str]) -> None:
    target = node["_target_"]
    for key in node:
        if str(key).startswith("_") and key not in ("_target_", "_partial_"):
            raise _UntrustedError(f"{place}.{key}", "is not possible in a config from a file; arguments have names")
    if f"{place}._target_" in typed:
        return
    found = find_class(str(target), f"{place}._target_={_short(target)}")
    base = _base_of_section(place)
    if base is not None and not issubclass(found, base):
        raise _UntrustedError(f"{place}._target_={target}", f"is not a {base.__name__}")
    _check_arguments(found, node, place, typed)
    if target == "suite.data.Source":
        _check_source(node, place, typed)


def find_class(target: str, place: str) -> type:
    """The class of a name that a config from a file may hold; raises ``_UntrustedError`` for every other name."""
    package, _, name = target.rpartition(".")
    if target not in KNOWN and target not in declared_classes() and not _is_public(target, package, name):
        raise _UntrustedError(
            place,
            "is not a class that a config from a file may name. If you trust it, type the key yourself, or install the "
            f"package that declares it with an entry point of the group {CLASSES}",
        )
    try:
        found = getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        raise _UntrustedError(place, f"cannot be found: {error}") from error
    if not inspect.isclass(found):
        raise _UntrustedError(place, "is not a class")
    return found


def _is_public(target: str, package: str, name: str) -> bool:
    """Whether a package of the suite or of its tasks exports the name, and it derives from one of our bases."""
    if not target.startswith(PACKAGES) or not name or name.startswith("_") or package.count(".") > 1:
        return False
    try:
        module = importlib.import_module(package)
    except ImportError:
        return False
    found = getattr(module, name, None) if name in getattr(module, "__all__", ()) else None
    return inspect.isclass(found) and issubclass(found, tuple(_bases().values()))


def _bases() -> dict[str, type]:
    """The base class of each section; the last one has no section of its own."""
    import lightning.pytorch as pl
    from lightning.pytorch.loggers import Logger
    from torch import nn
    from torch.optim import Optimizer

    from suite.data.module import TaskData
    from suite.training.base_task_module import BaseTaskModule
    from suite.training.schedule import Schedule

    return {
        "data": TaskData,
        "module": BaseTaskModule,
        "model": nn.Module,
        "optim": Optimizer,
        "schedule": Schedule,
        "selection": pl.Callback,
        "callbacks": pl.Callback,
        "logger": Logger,
        "trainer": pl.Trainer,
    }


def _base_of_section(place: str) -> type | None:
    section, _, rest = place.partition(".")
    if section in ("callbacks", "logger"):
        return _bases()[section] if rest and "." not in rest and "[" not in rest else None
    return None if rest else _bases().get(section)


def _check_arguments(found: type, node: Mapping[str, Any], place: str, typed: Collection[str]) -> None:
    try:
        parameters = inspect.signature(found, eval_str=True).parameters
    except (NameError, TypeError, ValueError):  # an annotation that exists for type checkers only
        parameters = inspect.signature(found).parameters
    variadic = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key, value in node.items():
        if key in ("_target_", "_partial_") or f"{place}.{key}" in typed:
            continue
        if key not in parameters:
            if variadic:
                continue
            raise _UntrustedError(
                f"{place}.{key}", f"is not an argument of {found.__name__}.{did_you_mean(key, parameters)}"
            )
        annotation = parameters[key].annotation
        if value is None and parameters[key].default is None:
            continue
        if not fits(value, annotation):
            raise _UntrustedError(
                f"{place}.{key}={_short(value)}", f"does not fit {found.__name__}, which takes {annotation}"
            )


def _check_source(node: Mapping[str, Any], place: str, typed: Collection[str]) -> None:
    """What a source may download is what a preset states, address and hashes alike."""
    from suite.data.catalogue import stated

    wheel = node.get("wheel")
    if (not wheel and not node.get("url")) or any(key.startswith(f"{place}.") for key in typed):
        return
    here = (node.get("folder"), node.get("files"), node.get("url"), {**wheel, **_WHEEL} if wheel else None)
    for source in stated(str(node.get("name"))):
        known = {**asdict(source.wheel), **_WHEEL} if source.wheel else None
        if here == (source.folder, dict(source.files), source.url, known):
            return
    raise _UntrustedError(
        place,
        "states an address or a package that no preset states, and a file may not choose what is downloaded; to use "
        f"files on this machine, pass {place}.url=null {place}.wheel=null",
    )


_WHEEL = {"_target_": "suite.data.Wheel"}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."

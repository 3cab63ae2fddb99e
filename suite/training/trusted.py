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
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.config.known_classes import KNOWN
from suite.config.overrides import merge, typed_keys
from suite.config.packages import CLASSES, declared_classes
from suite.config.plain_types import UntrustedError, check_plain, fits, kind_of
from suite.errors import UserError, did_you_mean

__all__ = ["beyond_the_rule", "trusted_config"]

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
            raise UntrustedError("", f"is {kind_of(recorded)}")
        check_plain(recorded)
        config, typed = merge(recorded, overrides), typed_keys(overrides)
        for section in ("task_name", "seed", "trainer", "data", "model", "module", "optim"):
            if section not in config:
                raise UntrustedError(section, "is missing")
            if section not in ("task_name", "seed") and not isinstance(config[section], dict):
                raise UntrustedError(section, f"is {kind_of(config[section])}")
        for place, node in _nodes(config, "", typed):
            _check_node(node, place, typed)
    except UntrustedError as error:
        raise UserError(f"{source}: {error}") from None
    return config


def beyond_the_rule(config: dict[str, Any]) -> Iterator[str]:
    """Yield overrides ``KEY=VALUE`` for the nodes of a user's config that a config from a file may not hold."""
    rejected: list[str] = []
    for place, node in _nodes(config, "", ()):
        try:
            _check_node(node, place, ())
        except UntrustedError:
            if not place.startswith(tuple(f"{other}." for other in rejected)):
                rejected.append(place)
                yield f"{place}={json.dumps(node)}"


def _nodes(value: Any, place: str, typed: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All nodes that name a class, outside of what the user typed."""
    if place in typed:
        return
    if isinstance(value, dict):
        if "_target_" in value:
            yield place, value
        elif marks := [key for key in value if str(key).startswith("_") and str(key).endswith("_")]:
            raise UntrustedError(f"{place}.{marks[0]}".lstrip("."), "is not possible here")
        for key, child in value.items():
            yield from _nodes(child, f"{place}.{key}".lstrip("."), typed)
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from _nodes(child, f"{place}[{index}]", typed)


def _check_node(node: Mapping[str, Any], place: str, typed: Collection[str]) -> None:
    target = node["_target_"]
    for key in node:
        if str(key).startswith("_") and key not in ("_target_", "_partial_"):
            raise UntrustedError(f"{place}.{key}", "is not possible in a config from a file; arguments have names")
    if f"{place}._target_" in typed:
        return
    found = find_class(str(target), f"{place}._target_={_short(target)}")
    base = _base_of_section(place)
    if base is not None and not issubclass(found, base):
        raise UntrustedError(f"{place}._target_={target}", f"is not a {base.__name__}")
    _check_arguments(found, node, place, typed)
    if target == "suite.data.Source":
        _check_source(node, place, typed)


def find_class(target: str, place: str) -> type:
    """The class of a name that a config from a file may hold; raises ``UntrustedError`` for every other name."""
    package, _, name = target.rpartition(".")
    if target not in KNOWN and target not in declared_classes() and not _is_public(target, package, name):
        raise UntrustedError(
            place,
            "is not a class that a config from a file may name. If you trust it, type the key yourself, or install the "
            f"package that declares it with an entry point of the group {CLASSES}",
        )
    try:
        found = getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        raise UntrustedError(place, f"cannot be found: {error}") from error
    if not inspect.isclass(found):
        raise UntrustedError(place, "is not a class")
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
    """The base class of each section; the last one has no section."""
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
            raise UntrustedError(
                f"{place}.{key}", f"is not an argument of {found.__name__}.{did_you_mean(key, parameters)}"
            )
        annotation = parameters[key].annotation
        if value is None and parameters[key].default is None:
            continue
        if not fits(value, annotation):
            raise UntrustedError(
                f"{place}.{key}={_short(value)}", f"does not fit {found.__name__}, which takes {annotation}"
            )


def _check_source(node: Mapping[str, Any], place: str, typed: Collection[str]) -> None:
    """What a source may download is what a preset states, address and hashes alike."""
    from suite.data.catalogue import build_source, stated

    wheel = node.get("wheel")
    if (not wheel and not node.get("url")) or any(key.startswith(f"{place}.") for key in typed):
        return
    try:
        here = build_source(node)
    except (TypeError, ValueError, AttributeError) as error:
        raise UntrustedError(place, f"is not a source ({error})") from error
    for source in stated(here.name):
        if all(getattr(here, name) == getattr(source, name) for name in _FETCHED):
            return
    raise UntrustedError(
        place,
        "states an address or a package that no preset states, and a file may not choose what is downloaded; to use "
        f"files on this machine, pass {place}.url=null {place}.wheel=null",
    )


_FETCHED = ("folder", "files", "url", "wheel", "file_set")  # what decides about a download


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."

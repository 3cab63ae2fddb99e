"""Plain values of a config: how many there may be, and which annotations they fit."""

import os
import types
from collections.abc import Iterable, Mapping
from inspect import Parameter, isclass
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["UntrustedError", "check_plain", "fits", "kind_of"]

MAX_DEPTH, MAX_VALUES, MAX_TEXT = 24, 20_000, 1 << 20


class UntrustedError(Exception):
    """What is wrong with a key of a config from a file; who reads the file catches it and adds the name."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place or 'the config'} {why}")


def check_plain(config: Any) -> None:
    """Raise UntrustedError for values that are not plain, and for more of them than a config has.

    A file of a few bytes can describe millions of values, by lists that contain the same list many times.
    """
    left, count = [("", config, 0)], 0
    while left:
        place, value, depth = left.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise UntrustedError(place[:80], "is too large or too deep for a config")
        if isinstance(value, dict):
            for key, child in value.items():
                if not isinstance(key, (str, int)) or len(str(key)) > 200:
                    raise UntrustedError(place, "has a key that is not a name")
                left.append((f"{place}.{key}".lstrip("."), child, depth + 1))
        elif isinstance(value, (list, tuple)):
            left.extend((f"{place}[{index}]", child, depth + 1) for index, child in enumerate(value[: MAX_VALUES + 1]))
        elif type(value) not in (type(None), bool, int, float, str):
            raise UntrustedError(place, f"is of type {type(value).__name__}; a config holds plain values")
        elif isinstance(value, str) and len(value) > MAX_TEXT:
            raise UntrustedError(place, f"is a text of {len(value)} characters")
        elif type(value) is int and abs(value) >= 1 << 63:
            raise UntrustedError(place, "is an integer of more than 64 bits")


def fits(value: Any, annotation: Any) -> bool:
    """Return whether ``value`` may be passed where ``annotation`` is asked for; an annotation of no plain type is met.

    >>> fits(1, float), fits("1", float), fits(None, int | None), fits(["a"], list[int])
    (True, False, True, False)
    """
    if annotation in (Any, Parameter.empty, object) or isinstance(annotation, str):
        return True
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(fits(value, choice) for choice in arguments)
    if origin is Literal:
        return value in arguments
    if annotation in (None, type(None)):
        return value is None
    if isinstance(value, Mapping) and "_target_" in value:
        return annotation not in (bool, int, float, str)
    if annotation is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if annotation in (bool, int):
        return type(value) is annotation
    kind = origin or annotation
    if kind is str or (isclass(kind) and issubclass(kind, (PurePath, os.PathLike))):
        return isinstance(value, str)
    if isclass(kind) and issubclass(kind, Mapping):
        return isinstance(value, Mapping) and (
            len(arguments) < 2 or all(fits(child, arguments[1]) for child in value.values())
        )
    if isclass(kind) and issubclass(kind, Iterable) and kind.__module__ in ("builtins", "collections.abc"):
        of_all = [choice for choice in arguments if choice is not Ellipsis]
        return isinstance(value, (list, tuple)) and (len(of_all) != 1 or all(fits(child, of_all[0]) for child in value))
    return True


def kind_of(value: Any) -> str:
    """A plain value in words.

    >>> kind_of(True), kind_of({}), kind_of([])
    ('true or false', 'a group of keys', 'a list')
    """
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a group of keys"}
    return names.get(type(value), "a list" if isinstance(value, (list, tuple)) else "nothing")

"""Whether a plain value of a config fits the annotation of an argument."""

import os
import types
from collections.abc import Iterable, Mapping
from inspect import Parameter, isclass
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["fits", "kind_of"]


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

"""Plain values and the annotations that they fit."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from suite.config.plain_types import fits

NODE = {"_target_": "a.B"}


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (1, int, True),
        (1, float, True),
        (1.5, int, False),
        (True, int, False),
        (1, bool, False),
        ("a", str, True),
        ("a", Path, True),
        (1, Path, False),
        ("a", int | str | None, True),
        (None, int, False),
        ("max", Literal["max", "min"], True),
        ("mid", Literal["max", "min"], False),
        (["a"], Sequence[str], True),
        ("a", Sequence[str], False),
        ([1], list[str], False),
        ([1, 2], tuple[int, ...], True),
        ({"a": 1}, Mapping[str, int], True),
        ({"a": "b"}, dict[str, int], False),
        (NODE, Callable[..., Any], True),
        (NODE, float, False),
        ([1], Any, True),
    ],
)
def test_a_value_fits(value: Any, annotation: Any, expected: bool) -> None:
    assert fits(value, annotation) is expected

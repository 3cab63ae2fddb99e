"""One name means one thing, and comments that say nothing stay away."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("suite", "tasks") for path in ROOT.glob(f"{folder}/**/*.py"))
TEXTS = sorted(
    path
    for folder in ("suite", "tasks", "conf", "docs", "tests", "benchmarks", "notebooks", "")
    for ending in ("py", "pyi", "yaml", "md", "toml", "ipynb")
    for path in (ROOT.glob(f"{folder}/**/*.{ending}") if folder else ROOT.glob(f"*.{ending}"))
    if path != Path(__file__)
)


def test_no_class_name_occurs_twice() -> None:
    places = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: files for name, files in places.items() if len(files) > 1}
    assert not twice


@pytest.mark.parametrize("empty", ["noqa: D102", '"""Likewise'])
def test_no_text_that_says_nothing(empty: str) -> None:
    assert not [str(path.relative_to(ROOT)) for path in TEXTS if empty in path.read_text()]

"""Tests mirror the code: ``suite/data/splits.py`` is tested in ``tests/data/test_splits.py``.

``suite/X/y.py`` has ``tests/X/test_y.py``, ``tasks/T/y.py`` has ``tests/T/test_y.py``, subpackages too. A file that
only declares or re-exports, with fewer than ``LOGIC`` statements inside its functions, needs no test file.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOGIC = 6
FILES = sorted(path for folder in ("suite", "tasks") for path in ROOT.glob(f"{folder}/**/*.py"))


def statements(path: Path) -> int:
    """The number of statements inside the functions of a file, docstrings aside."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    inside = {id(node): node for function in functions for node in ast.walk(function) if isinstance(node, ast.stmt)}
    return sum(
        not isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in inside.values()
    )


def place_of_tests(path: Path) -> Path:
    """Where the tests of a source file are."""
    place = path.relative_to(ROOT)
    parts = place.parts[1:-1]
    name = place.parent.name if place.name == "__init__.py" else place.stem
    return ROOT.joinpath("tests", *parts, f"test_{name}.py")


@pytest.mark.parametrize(
    "path", [path for path in FILES if statements(path) >= LOGIC], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_source_file_has_a_test_file_of_its_name(path: Path) -> None:
    wanted = place_of_tests(path)
    assert wanted.is_file(), f"{path.relative_to(ROOT)} is to be tested in {wanted.relative_to(ROOT)}"


def test_no_test_file_is_left_without_its_source() -> None:
    sources = {place_of_tests(path) for path in FILES}
    free = {"contracts", "docs", "parity"}
    orphans = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.glob("tests/*/**/test_*.py"))
        if path not in sources and path.relative_to(ROOT).parts[1] not in free and path.name != "test_task.py"
    ]
    assert not orphans

"""The direction of imports: everything -> attention -> torch, and suite never knows a task."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [path for room in ("suite", "tasks") for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    names, place = imported(path), path.relative_to(ROOT).parts
    tops = {name.split(".")[0] for name in names}
    if place[0] == "suite":
        assert "tasks" not in tops
    if place[:2] == ("suite", "attention"):
        assert tops - set(sys.stdlib_module_names) <= {"torch", "suite"}
        assert all(name.startswith("suite.attention") for name in names if name.startswith("suite"))
    if place[:2] in (("suite", "data"), ("suite", "config"), ("suite", "training")):
        assert not [name for name in names if name.startswith("suite.cli")]
    if place[0] == "tasks" and place[-1] == "model.py":
        assert tops - set(sys.stdlib_module_names) <= {"torch", "suite", "tasks"}
        assert all(name.startswith("suite.attention") for name in names if name.startswith("suite"))

"""The direction of imports: each package lists the packages that it may import.

`cli -> api -> training -> data`, and everything may import the attention core, which imports torch alone. A package
that is not in a table fails the test, so that a new package states its rule here.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("suite/**/*.py"), *ROOT.glob("tasks/**/*.py")])
STANDARD = set(sys.stdlib_module_names)

# Packages of the attention core, from the bottom up. None imports anything else of the suite.
CORE = {
    "operators": "",
    "functional": "operators",
    "ragged": "operators",
    "choices": "operators functional ragged",
    "edge_functional": "operators functional ragged choices",
    "compiled": "operators functional ragged choices edge_functional",
    "fast": "operators functional ragged choices edge_functional compiled",
    "attention": "functional choices fast compiled",
    "edge_attention": "operators functional ragged choices edge_functional compiled fast attention",
    "build": "choices attention edge_attention",
    "capture": "functional attention",
    "layers": "operators functional ragged choices edge_functional attention edge_attention build",
    "": "operators functional ragged choices attention edge_attention build capture layers",  # the public names
}
# Other packages of the suite, from the bottom up; each may import the attention core as well.
SUITE = {
    "errors": "",
    "console": "",
    "processes": "",
    "attention_weights": "errors",
    "config": "errors",
    "data": "errors config processes",
    "draw": "errors attention_weights",
    "metrics": "errors",
    "training": "errors console config data processes",
    "predictor": "errors attention_weights data draw training",
    "find": "errors config data training",
    "sweep": "errors config processes",
    "api": "errors console attention_weights config data draw metrics training predictor",
    "testing": "errors config data training predictor api cli",
    "cli": "errors console config data training predictor find sweep api draw",
    "": "api attention_weights errors training predictor",  # the public names
}
# Packages of the trainer, from the bottom up.
TRAINING = {
    "processes": "",
    "state": "processes",
    "schedule": "",
    "config": "",
    "batches": "state processes",
    "callbacks": "batches processes state config",
    "compile": "processes",
    "tracking": "callbacks state config",
    "base_task_module": "batches processes schedule state config",
    "task_module": "base_task_module schedule",
    "instantiate": "",
    "trusted": "base_task_module schedule",
    "build": "base_task_module callbacks config instantiate schedule",
    "load": "base_task_module build state config trusted",
    "run": "base_task_module batches build callbacks compile config load processes state tracking trusted schedule",
    "": "base_task_module task_module callbacks schedule build load run",  # the public names
}


@cache
def imported(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports anywhere, ``from package import module`` included."""
    return frozenset(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used"
            for alias in node.names:
                inner = ROOT.joinpath(*f"{node.module}.{alias.name}".split("."))
                yield (
                    f"{node.module}.{alias.name}"
                    if inner.is_dir() or inner.with_suffix(".py").is_file()
                    else str(node.module)
                )


def package(name: str, root: str) -> str | None:
    """The package of ``root`` that holds a module, for example ``fast`` for ``suite.attention.fast.tiled``."""
    if name != root and not name.startswith(f"{root}."):
        return None
    return name.removeprefix(root).lstrip(".").split(".")[0]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def check(path: Path, root: str, rules: dict[str, str]) -> None:
    """Raise where a file of the package ``root`` imports a package of ``root`` that its rule does not list."""
    own = package(module_of(path), root)
    if own is None:
        return
    assert own in rules, f"{root}.{own} has no rule in tests/contracts/test_imports.py"
    others = {other for name in imported(path) if (other := package(name, root)) is not None} - {own}
    assert others <= set(rules[own].split()), f"{root}.{own} may import {rules[own] or 'nothing'}, not {others}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    names, tops = imported(path), {name.split(".")[0] for name in imported(path)}
    if path.is_relative_to(ROOT / "suite"):
        assert "tasks" not in tops, "the suite finds tasks by their config"
    if path.is_relative_to(ROOT / "suite" / "attention"):
        assert tops - STANDARD <= {"torch", "suite", "lazy_loader"}
        assert all(package(name, "suite.attention") is not None for name in names if name.startswith("suite"))
        check(path, "suite.attention", CORE)
    else:
        check(path, "suite", {place: f"{rule} attention" for place, rule in SUITE.items()})
        check(path, "suite.training", TRAINING)
    task = package(module_of(path), "tasks")
    assert not task or {package(name, "tasks") for name in names} <= {None, task}, "a task imports no other task"


def defines_a_network(path: Path) -> bool:
    """Whether a file defines an ``nn.Module``."""
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    return any(ast.unparse(base).startswith("nn.") for node in classes for base in node.bases)


NETWORKS = [path for path in FILES if path.is_relative_to(ROOT / "tasks") and defines_a_network(path)]


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_networks_import_torch_and_the_attention_core(path: Path) -> None:
    names = imported(path)
    assert {name.split(".")[0] for name in names} - STANDARD <= {"torch", "suite", "tasks"}
    suite = {name for name in names if package(name, "suite") is not None}
    assert {package(name, "suite") for name in suite} <= {"attention", "errors"}
    tasks = {name for name in names if package(name, "tasks") is not None}
    assert not {name for name in tasks if name.split(".")[-1] in ("data", "module", "predict", "readers")}

"""The packages that hold config presets: the suite's own, then every installed package that adds tasks."""

from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

GROUP = "attention_suite.tasks"


@cache  # looking through everything installed takes tens of milliseconds
def config_packages() -> tuple[str, ...]:
    """Import names of all packages that hold configs, the suite's own first: ``("conf", "mylab.conf")``.

    A package adds itself with an entry point in the group ``attention_suite.tasks`` whose value is the package of its
    configs; it holds ``task/NAME.yaml`` and whatever presets that task names.
    """
    return ("conf", *sorted({entry.value for entry in entry_points(group=GROUP)} - {"conf"}))


def presets(group: str) -> dict[str, Any]:
    """The files of a config group by the name that chooses them, sorted: ``graph/cora`` -> .../data/graph/cora.yaml.

    A file whose name starts with an underscore, as ``data/graph/_base.yaml``, is a base that other presets inherit
    from, not a choice. Where two packages have one name, the suite's own and then the alphabetically first package
    wins, as in Hydra.
    """
    found: dict[str, Any] = {}
    for package in reversed(config_packages()):
        root = files(package).joinpath(group)
        if root.is_dir():
            found.update(_yaml_below(root))
    return dict(sorted(found.items()))


def options(group: str) -> list[str]:
    """The names of a config group: ``options("data")`` holds ``graph/cora``."""
    return list(presets(group))


def groups() -> dict[str, list[str]]:
    """The preset names of every config group, nested groups apart: ``{"data/graph": ["cora", ...], "optim": ...}``."""
    found: dict[str, list[str]] = {}
    for name in presets(""):
        group, _, option = name.rpartition("/")
        if group:
            found.setdefault(group, []).append(option)
    return dict(sorted(found.items()))


def _yaml_below(folder: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found.update(_yaml_below(entry, f"{prefix}{entry.name}/"))
        elif entry.name.endswith(".yaml") and not entry.name.startswith("_"):
            found[prefix + entry.name.removesuffix(".yaml")] = entry
    return found

"""Where configs lie: the suite's own package, then those of every installed package that adds tasks."""

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
    """The files of a config group by the name that chooses them, in order: ``graph/cora`` -> .../data/graph/cora.yaml.

    Where two packages have one name, the suite's own and then the first in the alphabet wins, as in Hydra.
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


def _yaml_below(folder: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found.update(_yaml_below(entry, f"{prefix}{entry.name}/"))
        elif entry.name.endswith(".yaml"):
            found[prefix + entry.name.removesuffix(".yaml")] = entry
    return found

"""Where configs are found: the suite's own, then those of every installed package that adds tasks."""

from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

GROUP = "attention_suite.tasks"


def config_packages() -> list[str]:
    """Import names of all packages that hold configs, the suite's own first: ``["conf", "mylab.conf"]``.

    A package adds itself with an entry point in the group ``attention_suite.tasks`` whose value is the package of its
    configs; it holds ``task/NAME.yaml`` and whatever presets that task names.
    """
    return ["conf", *sorted({entry.value for entry in entry_points(group=GROUP)} - {"conf"})]


def options(group: str) -> list[str]:
    """All presets of a config group, nested ones by their path: ``options("data")`` holds ``graph/cora``."""
    found: set[str] = set()
    for package in config_packages():
        root = files(package).joinpath(group)
        if root.is_dir():
            found.update(_yaml_below(root))
    return sorted(found)


def _yaml_below(folder: Any, prefix: str = "") -> list[str]:
    names = []
    for entry in folder.iterdir():
        if entry.is_dir():
            names += _yaml_below(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".yaml"):
            names.append(prefix + entry.name.removesuffix(".yaml"))
    return names


class TaskPackages(SearchPathPlugin):
    """Appends the config packages of installed task packages to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra for every composition, completion and ``--info``."""
        for package in config_packages()[1:]:
            search_path.append(provider="attention-suite", path=f"pkg://{package}")


def register() -> None:
    """Make the plugin known to Hydra; harmless when repeated."""
    plugins = Plugins.instance()
    if TaskPackages not in plugins.discover(SearchPathPlugin):
        plugins.register(TaskPackages)

"""Hydra's search path: the configs of installed task packages behind the suite's own."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from suite.config.packages import config_packages


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

"""Hydra's search path: the suite's own configs, followed by those of installed task packages."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from suite.config.packages import config_packages, groups


class TaskPackages(SearchPathPlugin):
    """Appends the config packages of installed task packages to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra for every composition, completion and ``--info``."""
        for package in config_packages()[1:]:
            search_path.append(provider="attention-suite", path=f"pkg://{package}")


def register() -> None:
    """Register the plugin, and the list of presets that ``attn train --help`` prints; may be called repeatedly."""
    OmegaConf.register_new_resolver("presets_by_group", _presets_by_group, replace=True)
    plugins = Plugins.instance()
    if TaskPackages not in plugins.discover(SearchPathPlugin):
        plugins.register(TaskPackages)


def _presets_by_group() -> str:
    return "\n".join(f"{group}: {', '.join(names)}" for group, names in groups().items())

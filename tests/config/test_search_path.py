"""Presets of installed packages are on Hydra's search path."""

from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from suite.config import search_path


def test_packages_are_appended(monkeypatch) -> None:
    monkeypatch.setattr(search_path, "config_packages", lambda: ("conf", "mylab.conf"))
    path = ConfigSearchPathImpl()
    search_path.TaskPackages().manipulate_search_path(path)
    assert [element.path for element in path.get_path()] == ["pkg://mylab.conf"]


def test_registering_twice_adds_one_plugin() -> None:
    search_path.register()
    search_path.register()
    assert list(Plugins.instance().discover(SearchPathPlugin)).count(search_path.TaskPackages) == 1

"""The packages that contain config presets: ``conf``, and installed packages that add tasks."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

GROUP = "attention_suite.tasks"
CLASSES = "attention_suite.classes"
_TARGET = re.compile(r"""_target_["']?\s*:\s*["']?([A-Za-z_][\w.]*)""")


@cache  # reading the entry points of all installed packages takes tens of milliseconds
def config_packages() -> tuple[str, ...]:
    """Return the import names of all packages that contain configs, ``conf`` first: ``("conf", "mylab.conf")``.

    A package adds itself with an entry point in the group ``attention_suite.tasks`` whose value is the package of its
    configs, which contains ``task/NAME.yaml`` and the presets that the task names.
    """
    return ("conf", *sorted({entry.value for entry in entry_points(group=GROUP)} - {"conf"}))


def presets(group: str) -> dict[str, Any]:
    """Return the files of a config group by preset name, sorted: ``graph/cora`` -> .../data/graph/cora.yaml.

    A file whose name starts with an underscore, as ``data/graph/_base.yaml``, is a base that other presets inherit
    from, not a preset. If two packages have the same name, ``conf`` and then the alphabetically first package is used,
    as in Hydra.
    """
    found: dict[str, Any] = {}
    for package in reversed(config_packages()):
        root = files(package).joinpath(group)
        if root.is_dir():
            found.update(_yaml_below(root))
    return dict(sorted(found.items()))


@cache
def declared_classes() -> frozenset[str]:
    """Dotted names of the classes that installed packages declare.

    A package declares every ``_target_`` of its presets, and the values of its entry points in the group
    ``attention_suite.classes``: ``net = "mylab.nets:Net"``.
    """
    found = {entry.value.replace(":", ".") for entry in entry_points(group=CLASSES)}
    for package in config_packages():
        for file in _files_below(files(package)):
            lines = (line.partition(" #")[0] for line in file.read_text(encoding="utf-8").splitlines())
            found.update(name for line in lines if not line.lstrip().startswith("#") for name in _TARGET.findall(line))
    return frozenset(found)


def options(group: str) -> list[str]:
    """Return the preset names of a config group: ``options("data")`` contains ``graph/cora``."""
    return list(presets(group))


def groups() -> dict[str, list[str]]:
    """Return the preset names of each group; nested groups are separate: ``{"data/graph": ["cora", ...], ...}``."""
    found: dict[str, list[str]] = {}
    for name in presets(""):
        group, _, option = name.rpartition("/")
        if group:
            found.setdefault(group, []).append(option)
    return dict(sorted(found.items()))


def _files_below(folder: Any) -> Iterator[Any]:
    """All yaml files, bases included."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files_below(entry)
        elif entry.name.endswith(".yaml"):
            yield entry


def _yaml_below(folder: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found.update(_yaml_below(entry, f"{prefix}{entry.name}/"))
        elif entry.name.endswith(".yaml") and not entry.name.startswith("_"):
            found[prefix + entry.name.removesuffix(".yaml")] = entry
    return found

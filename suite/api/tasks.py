"""The tasks that can be trained, those of installed packages included."""

from typing import NamedTuple

__all__ = ["Task", "tasks"]


class Task(NamedTuple):
    """A task: its name, one line of description, and its default presets by config group."""

    name: str
    description: str
    defaults: dict[str, str]


def tasks() -> list[Task]:
    """Return all tasks, sorted by name.

    >>> [task.name for task in tasks()][:2]
    ['documents', 'graph']
    """
    from suite.config.packages import presets

    return [_read(name, file.read_text(encoding="utf-8")) for name, file in presets("task").items()]


def _read(name: str, text: str) -> Task:
    """The first comment of the yaml after its package line is the description."""
    import yaml

    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    description = next((line for line in comments if not line.startswith("@package")), "")
    entries = [entry for entry in (yaml.safe_load(text) or {}).get("defaults", []) if isinstance(entry, dict)]
    return Task(name, description, {key.lstrip("/"): value for entry in entries for key, value in entry.items()})

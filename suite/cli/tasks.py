"""``attn tasks``: every task that can be trained here, with its default presets."""

from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

import yaml

from suite.config.search_path import config_packages


class Task(NamedTuple):
    """What a task's yaml says of itself."""

    name: str
    line: str
    presets: dict[str, str]
    package: str


def find_tasks() -> Iterator[Task]:
    """All ``task/*.yaml`` on the search path; the first comment behind the package line is the description."""
    for package in config_packages():
        folder = files(package) / "task"
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else ():
            if file.name.endswith(".yaml"):
                text = file.read_text(encoding="utf-8")
                comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
                defaults = (yaml.safe_load(text) or {}).get("defaults", [])
                presets = {
                    key.lstrip("/"): value
                    for entry in defaults
                    if isinstance(entry, dict)
                    for key, value in entry.items()
                }
                line = next((comment for comment in comments if not comment.startswith("@package")), "")
                yield Task(file.name.removesuffix(".yaml"), line, presets, package)


def main(argv: list[str]) -> int:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    if argv:
        print("usage: attn tasks\n\nLists every task that `attn train task=NAME` accepts.")
        return 0 if argv[0] in ("-h", "--help") else 2
    table = Table("task", "what it does", "default data", "default model", "from")
    for task in find_tasks():
        table.add_row(task.name, task.line, task.presets.get("data", ""), task.presets.get("model", ""), task.package)
    Console().print(table)
    return 0

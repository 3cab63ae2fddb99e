"""``attn tasks``: every task that can be trained here, with its default presets."""

from collections.abc import Iterator
from typing import NamedTuple

import yaml

from suite.config.packages import presets


class Task(NamedTuple):
    """What a task's yaml says of itself."""

    name: str
    line: str
    defaults: dict[str, str]


def find_tasks() -> Iterator[Task]:
    """All ``task/*.yaml`` on the search path; the first comment behind the package line is the description."""
    for name, file in presets("task").items():
        text = file.read_text(encoding="utf-8")
        comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
        entries = [entry for entry in (yaml.safe_load(text) or {}).get("defaults", []) if isinstance(entry, dict)]
        defaults = {key.lstrip("/"): value for entry in entries for key, value in entry.items()}
        yield Task(name, next((line for line in comments if not line.startswith("@package")), ""), defaults)


def main(argv: list[str]) -> int:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    if argv:
        print("usage: attn tasks\n\nLists every task that `attn train task=NAME` accepts.")
        return 0 if argv[0] in ("-h", "--help") else 2
    table = Table("task", "what it does", "default data", "default model")
    for task in find_tasks():
        table.add_row(task.name, task.line, task.defaults.get("data", ""), task.defaults.get("model", ""))
    Console().print(table)
    return 0

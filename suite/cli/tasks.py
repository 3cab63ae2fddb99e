"""``attn tasks``: every task that can be trained here, with its default presets."""

from collections.abc import Iterator
from textwrap import wrap
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
    """Print them."""
    if argv:
        print("usage: attn tasks\n\nLists every task that `attn train task=NAME` accepts.")
        return 0 if argv[0] in ("-h", "--help") else 2
    for task in find_tasks():
        presets = ", ".join(f"{group}={task.defaults[group]}" for group in ("data", "model") if group in task.defaults)
        print("\n".join([task.name, *wrap(task.line, 100, initial_indent="    ", subsequent_indent="    ")]))
        print(f"    by default {presets}")
    return 0

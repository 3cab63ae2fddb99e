"""``attn tasks``: all tasks that can be trained."""

from textwrap import wrap

from suite.api.tasks import tasks

__all__ = ["main"]

USAGE = """usage: attn tasks

Lists every task that `attn train task=NAME` accepts, those of installed packages included."""


def main(argv: list[str]) -> int:
    """Print the tasks; return 0."""
    if argv:
        print(USAGE)
        return 0 if argv[0] in ("-h", "--help") else 2
    for task in tasks():
        defaults = ", ".join(f"{group}={task.defaults[group]}" for group in ("data", "model") if group in task.defaults)
        print("\n".join([task.name, *wrap(task.description, 100, initial_indent="    ", subsequent_indent="    ")]))
        print(f"    default: {defaults}")
    return 0

"""``attn tasks``: all tasks with their default presets."""

from tests.cli.conftest import Attn


def test_tasks_are_listed(attn: Attn) -> None:
    done = attn("tasks")
    assert "graph/cora" in done.stdout
    assert attn("tasks", "more").returncode == 2

"""The tasks that are installed."""

import suite


def test_each_task_has_a_description_and_default_presets():
    found = suite.tasks()
    assert [task.name for task in found] == ["documents", "graph", "oct", "recommender", "speech"]
    for task in found:
        assert task.description
        assert {"data", "model"} <= set(task.defaults)

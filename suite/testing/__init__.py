"""Contracts to inherit in tests: of a task, and of a score of attention. They are shipped for packages of your own."""

from suite.testing.attention import AttentionContract
from suite.testing.task import TaskContract

__all__ = ["AttentionContract", "TaskContract"]

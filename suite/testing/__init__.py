"""Tests to inherit: the contract of a task and the contract of a score. Packages of your own can inherit them too."""

from suite.testing.attention import AttentionContract
from suite.testing.task import TaskContract

__all__ = ["AttentionContract", "TaskContract"]

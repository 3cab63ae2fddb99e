"""Contracts that every task inherits, shipped so that packages of their own can use them."""

from suite.testing.task import TaskContract

__all__ = ["TaskContract"]

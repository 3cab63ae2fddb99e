"""The console script, for tests of ``attn predict``."""

from tests.cli.conftest import attn

__all__ = ["attn"]

"""Fixtures of the command line, for contracts too."""

from tests.cli.conftest import attn, attn_process  # noqa: F401

"""The KEY=VALUE arguments of the commands that take a checkpoint."""

from collections.abc import Iterable

from suite.errors import UserError

__all__ = ["parse"]


def parse(words: Iterable[str], command: str) -> dict[str, str]:
    """Return the values by key; raises UserError for an argument that is not KEY=VALUE."""
    return dict(_pair(word, command) for word in words)


def _pair(word: str, command: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UserError(f"'{word}' is not KEY=VALUE; see attn {command} --help")
    return key, value

"""KEY=VALUE arguments of commands."""

from collections.abc import Iterable

from suite.errors import UserError

__all__ = ["flag", "parse", "split"]


def parse(words: Iterable[str], command: str) -> dict[str, str]:
    """Return the values by key; raises UserError for an argument that is not KEY=VALUE."""
    return dict(_pair(word, command) for word in words)


def split(words: Iterable[str], names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the values of the arguments that are NAME=VALUE for one of ``names``, and all other arguments."""
    pairs = [(word, *word.partition("=")) for word in words]
    options = {key: value for _, key, equals, value in pairs if equals and key in names}
    return options, [word for word, key, equals, _ in pairs if not (equals and key in names)]


def flag(options: dict[str, str], name: str) -> bool:
    """Remove an option that is true or false and return it, false by default. Raises UserError for another value."""
    value = options.pop(name, "false")
    if value.lower() not in ("true", "false"):
        raise UserError(f"{name}={value} is not true or false")
    return value.lower() == "true"


def _pair(word: str, command: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UserError(f"'{word}' is not KEY=VALUE; see attn {command} --help")
    return key, value

"""Secrets in configs, command lines, addresses and messages: they are masked in everything that is written.

A running process has the real values. What it writes (``config.yaml``, checkpoints, ``provenance.json``, trackers,
logs) holds ``MASK`` instead, and a later command that needs such a value asks for it.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["MASK", "MaskSecrets", "mask", "mask_command", "mask_logs", "mask_text", "masked_values", "names_secret"]

MASK = "<masked>"
_NAME = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|passphrase|pwd|secret|token|credentials?|bearer|authorization|auth"
    r"|(?:api|access|secret|private|auth|signing|encryption|account|wandb|license|licence)[_\-]?key(?:[_\-]?id)?)$",
    re.IGNORECASE,
)
_ENVIRONMENT = re.compile(r"(?:_KEY|_PAT|_DSN|_PASS)$")
_IN_TEXT = [
    (re.compile(r"(?<=://)[^/\s@'\"]+(?=@)"), MASK),  # https://user:password@host
    (
        re.compile(
            r"(?i)((?:^|[?&;/,\s'\"_\-.])(?:[\w\-]*(?:token|password|passwd|pwd|secret|signature|credential|api[_-]?key"
            r"|access[_-]?key)|sig|auth)=)(?!<masked>)[^&\s'\";/,]+"
        ),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"(?i)([?&]key=)[^&\s'\";]+"), rf"\g<1>{MASK}"),
    (re.compile(r"(?i)\b(bearer|basic) +[A-Za-z0-9._~+/\-]{8,}=*"), rf"\g<1> {MASK}"),
    (
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w\-]{16,}|hf_[A-Za-z0-9]{20,}|sk-[\w\-]{20,}"
            r"|xox[abprs]-[\w\-]{10,}|AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|AIza[\w\-]{30,}|pypi-[\w\-]{20,}"
            r"|npm_[A-Za-z0-9]{30,}|wandb_v\d_\w{20,}|eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*)"
        ),
        MASK,
    ),
]


def names_secret(name: str) -> bool:
    """Return whether a key, by its last part, names a secret.

    >>> names_secret("logger.wandb.api_key"), names_secret("HF_TOKEN"), names_secret("max_tokens")
    (True, True, False)
    """
    return bool(_NAME.search(name.rpartition(".")[2]))


def mask_text(text: str) -> str:
    """Return ``text`` with tokens, passwords in addresses and values of secret environment variables masked.

    >>> mask_text("https://me:pw@host/data.csv?token=abc")
    'https://<masked>@host/data.csv?token=<masked>'
    >>> mask_text("/home/me/tokens/data.csv")
    '/home/me/tokens/data.csv'
    """
    for value in _environment_secrets():
        text = text.replace(value, MASK)
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def mask(value: Any, key: str = "") -> Any:
    """Return plain values with secrets masked: in texts, and every text below a key that names a secret."""
    if isinstance(value, Mapping):
        return {name: mask(child, str(name) if not names_secret(key) else key) for name, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(child, key) for child in value]
    if not isinstance(value, str) or not value:
        return value
    return MASK if names_secret(key) else mask_text(value)


def mask_command(words: Iterable[str]) -> list[str]:
    """Return the words of a command line with secrets masked: ``key=VALUE`` and ``--key VALUE``.

    >>> mask_command(["attn", "train", "logger.x.api_key=abc", "--token", "abc"])
    ['attn', 'train', 'logger.x.api_key=<masked>', '--token', '<masked>']
    """
    masked, follows = [], False
    for word in words:
        key, equals, value = word.partition("=")
        if follows:
            masked.append(MASK)
        elif equals and value and names_secret(key.lstrip("+-~")):
            masked.append(f"{key}={MASK}")
        else:
            masked.append(mask_text(word))
        follows = word.startswith("--") and not equals and names_secret(word.lstrip("-"))
    return masked


def masked_values(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the overrides ``KEY=VALUE`` that turn ``mask(config)`` into ``config`` again."""
    yield from _changed(config, mask(config), "")


def _changed(real: Any, masked: Any, place: str) -> Iterator[str]:
    if isinstance(real, Mapping):
        for name, child in real.items():
            yield from _changed(child, masked[name], f"{place}.{name}".lstrip("."))
    elif isinstance(real, (list, tuple)):
        for index, child in enumerate(real):
            yield from _changed(child, masked[index], f"{place}[{index}]")
    elif real != masked:
        yield f"{place}={json.dumps(real)}"


def _environment_secrets() -> list[str]:
    """Values of environment variables that name secrets, the longest first; short ones and paths are no secrets."""
    values = {
        value
        for name, value in os.environ.items()
        if len(value) >= 8 and (_NAME.search(name) or _ENVIRONMENT.search(name)) and not _is_path(value)
    }
    return sorted(values, key=len, reverse=True)


def _is_path(value: str) -> bool:
    try:
        return value.startswith(("/", "./", "~")) and Path(value).expanduser().exists()
    except OSError:
        return False


def mask_logs() -> None:
    """Mask secrets in what the handlers of the root logger write; may be called repeatedly."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(found, MaskSecrets) for found in handler.filters):
            handler.addFilter(MaskSecrets())


class MaskSecrets(logging.Filter):
    """A filter of a log handler that masks secrets in messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (masked := mask_text(message)) != message:
            record.msg, record.args = masked, None
        return True

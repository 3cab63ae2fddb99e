"""Secrets are masked in what is written; ordinary texts stay as they are."""

import json
import logging
from typing import Any

import pytest

from suite.config.overrides import merge
from suite.config.secrets import MASK, MaskSecrets, mask, mask_command, mask_text, masked_values, names_secret

GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    "name",
    ["password", "db_password", "logger.x.api_key", "HF_TOKEN", "aws_secret_access_key", "client_secret", "apikey"],
)
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "num_tokens", "token_dim", "tokenizer", "key_proj", "author", "text_column", "monkey", "keys"],
)
def test_names_of_other_keys(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("https://me:hunter22@host/x.csv", "hunter22"),
        ("git remote https://x-access-token:abcdef@github.com/me/it", "abcdef"),
        (f"/mnt/{GITHUB}/data.csv", GITHUB),
        ("https://host/x.csv?token=abc123&page=2", "abc123"),
        ("https://host/x.csv?X-Amz-Signature=abc123&page=2", "abc123"),
        ("https://host/x.csv?sv=1&sig=abc%2F123", "abc%2F123"),
        ("https://host/x.csv?key=abc123", "abc123"),
        ("/mnt/share/token=abc123/data.csv", "abc123"),
        ("Authorization: Bearer abcdefgh12345", "abcdefgh12345"),
        ("the value sk-abcdefghijklmnopqrstuvwx is a key", "sk-abcdefghijklmnopqrstuvwx"),
    ],
)
def test_a_secret_in_a_text_is_masked_once_and_for_all(text: str, secret: str) -> None:
    masked = mask_text(text)
    assert secret not in masked
    assert MASK in masked
    assert mask_text(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "/home/me/tokens/secret-garden/data.csv",
        "/data/key=3/part-0.parquet",
        "C:\\data\\x.csv",
        "https://archive.ics.uci.edu/static/public/331/x.zip",
        "me@host.org",
        "optim.lr=0.1 model.num_heads=4",
        "val/accuracy",
        "0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert mask_text(text) == text


def test_values_of_secret_environment_variables_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "tulip-rose-42")
    monkeypatch.setenv("MY_SERVICE_NAME", "gardening")
    assert mask_text("in tulip-rose-42 gardening") == f"in {MASK} gardening"


def test_a_path_in_a_secret_variable_is_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("APPLICATION_CREDENTIALS", str(tmp_path))
    assert mask_text(f"{tmp_path}/x") == f"{tmp_path}/x"


def test_a_config_is_masked_and_restored() -> None:
    config = {
        "seed": 1,
        "token": 5,
        "service": {"api_key": "abc", "password": ["x", "y"], "url": "https://me:pw@host", "tokens": "a b"},
        "credentials": {"user": "me", "code": "1234"},
        "paths": ["/a", f"/b/{GITHUB}"],
    }
    masked = mask(config)
    assert masked["service"] == {
        "api_key": MASK,
        "password": [MASK, MASK],
        "url": f"https://{MASK}@host",
        "tokens": "a b",
    }
    assert masked["credentials"] == {"user": MASK, "code": MASK}
    assert (masked["token"], masked["paths"]) == (5, ["/a", f"/b/{MASK}"])
    assert merge(masked, list(masked_values(config))) == config
    assert list(masked_values({"seed": 1, "path": "/a"})) == []


def test_a_command_line_is_masked() -> None:
    words = ["attn", "train", "x.api_key=abc", "+x.password=abc", "--token", "abc", f"data.path=/m/{GITHUB}", "seed=1"]
    text = " ".join(mask_command(words))
    assert "abc" not in text
    assert GITHUB not in text
    assert text.endswith("seed=1")


def test_log_messages_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "from %s", ("https://me:pw@host",), None)
    assert MaskSecrets().filter(record)
    assert record.getMessage() == f"from https://{MASK}@host"
    assert json.dumps(record.getMessage())

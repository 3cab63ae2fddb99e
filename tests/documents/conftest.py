"""The console script, and data modules with the defaults of a preset."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from suite.config.compose import compose
from suite.training.build import build_data, instantiate
from tasks.documents.data import DocumentsData
from tests.cli.conftest import attn

__all__ = ["attn", "document_data"]

TEXTS = [
    (f"The film number {number} was {'good' if number % 2 else 'bad'}. Yes.", "pn"[number % 2]) for number in range(24)
]


@cache
def preset(name: str) -> dict[str, Any]:
    more = ["data.path=FILE"] if name in ("csv", "jsonl", "parquet") else []
    config: dict[str, Any] = compose(["task=documents", f"data=documents/{name}", *more])["data"]
    return config


def document_data(name: str, **values: Any) -> DocumentsData:
    """The data module of a preset, with other values for some of its keys."""
    data: DocumentsData = instantiate({**preset(name), **values}, "data")
    return data


@pytest.fixture
def real(data_dir: Path) -> Callable[..., DocumentsData]:
    """Builds and reads the data module of a preset on the real files."""

    def build(name: str, *more: str) -> DocumentsData:
        data: DocumentsData = build_data(
            compose(["task=documents", f"data=documents/{name}", f"data.dir={data_dir}", *more])
        )
        data.setup()
        return data

    return build

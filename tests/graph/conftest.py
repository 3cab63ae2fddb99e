"""Real graphs for several test files."""

from pathlib import Path

import pytest

from tasks.graph.readers.planetoid import Planetoid
from tests.presets import build_preset


@pytest.fixture
def cora(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planetoid:
    """The reader of Cora with an empty cache; the test is skipped without the raw files."""
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))
    if not (data_dir / "planetoid/Cora/raw/ind.cora.x").is_file():
        pytest.skip(f"no raw files of Cora in {data_dir}")
    reader = build_preset("graph/cora").reader
    assert isinstance(reader, Planetoid)
    return reader

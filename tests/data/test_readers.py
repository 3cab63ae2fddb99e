"""Bases of readers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from suite.data.readers import GeneratedReader, OwnFileReader, SourceReader
from suite.data.source import Source
from suite.errors import UserError


def test_a_source_reader_resolves_its_source(source: Callable[..., Source], local: Path) -> None:
    reader = SourceReader(source())
    assert reader.resolve(local).folder == local / "small" / "raw"
    assert reader.options() == {}


def test_an_own_file_reader_hashes_all_files_that_it_reads(tmp_path: Path) -> None:
    class Pair(OwnFileReader):
        def paths(self) -> tuple[Path, ...]:
            return (self.path, self.path.with_suffix(".labels"))

    path = tmp_path / "a.csv"
    path.write_text("x")
    with pytest.raises(UserError, match=r"a\.labels does not exist"):
        Pair(str(path)).resolve("data")
    path.with_suffix(".labels").write_text("y")
    assert len(Pair(str(path)).resolve("data").sha256) == 2


def test_generated_content_has_no_files() -> None:
    resolved = GeneratedReader().resolve("data")
    assert (resolved.kind, dict(resolved.sha256)) == ("generated", {})

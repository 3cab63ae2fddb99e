"""LibriSpeech: archives are unpacked, and only the named subsets are read."""

import io
import tarfile
from pathlib import Path

import numpy as np
import soundfile

from suite.data.files import sha256_of
from suite.data.source import Source
from tasks.speech.features import LogMel
from tasks.speech.readers.librispeech import LibriSpeech


def write_subset(folder: Path, name: str) -> None:
    chapter = folder / "LibriSpeech" / name / "1/2"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "1-2-0000.flac", np.zeros(800), 8000)
    (chapter / "1-2.trans.txt").write_text("1-2-0000 SO IT IS\n")


def test_archives_are_unpacked_and_other_subsets_skipped(tmp_path: Path) -> None:
    write_subset(tmp_path / "made", "dev-clean")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(tmp_path / "made/LibriSpeech", "LibriSpeech")
    folder = tmp_path / "data/libri"
    write_subset(folder, "test-other")
    (folder / "dev-clean.tar.gz").write_bytes(content.getvalue())
    source = Source("libri", "libri", {"dev-clean.tar.gz": sha256_of(folder / "dev-clean.tar.gz")})
    reader = LibriSpeech(source)
    frontend = LogMel(8000, 8)
    files = reader.resolve(tmp_path / "data")
    (one,) = reader.read(files, frontend)
    assert (one.name, one.text, one.speaker, one.split, one.seconds) == ("1-2-0000", "SO IT IS", "1", "val", 0.1)
    assert reader.recording(one, frontend).shape == (800,)
    (folder / "dev-clean.tar.gz").unlink()
    assert reader.resolve(tmp_path / "data") == files

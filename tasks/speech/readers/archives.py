"""Corpora that are published as archives of recordings."""

import tarfile
from pathlib import Path

from suite.data.resolve import resolve
from suite.data.source import Source


def unpack_archives(source: Source, data_dir: Path | str) -> str:
    """Find or download the archives of a source, unpack them into its folder, and return where they came from.

    Raises UserError where they are not available or a hash differs. No member is written outside the folder.
    """
    files = resolve(source, data_dir)
    for name in files.sha256:
        with tarfile.open(files.path(name)) as archive:
            archive.extractall(files.folder, filter="data")
    return files.origin

"""Bases of readers: classes that know one kind of file.

A reader's constructor takes the config keys of its kind of file: ``class ImdbData(DocumentsData, reader=Imdb)`` makes
``target`` of ``Imdb(source, target)`` the key ``data.target``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from suite.data.own_files import own_files
from suite.data.resolve import resolve
from suite.data.source import Resolved, Source


class Reader(Protocol):
    """What a data module needs of a reader. A task's protocol adds ``read``, which returns the task's content."""

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find or download the files. Raises UserError where that fails."""
        ...

    def options(self) -> dict[str, Any]:
        """Return what the content depends on besides the files: plain values, recorded in the provenance."""
        ...


class SourceReader:
    """Base of readers of a public data set.

    Args:
        source: names, addresses and hashes of its files.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find or download the files of ``source``. Raises UserError as ``suite.data.resolve.resolve`` does."""
        return resolve(self.source, data_dir)

    def options(self) -> dict[str, Any]:
        """Return what the content depends on besides the files: nothing, unless a subclass overrides it."""
        return {}


class OwnFileReader:
    """Base of readers of a user's own file.

    Args:
        path: of the file, relative to the working directory.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def paths(self) -> Sequence[Path]:
        """Return all files that are read. A subclass that reads more than ``path`` overrides it."""
        return (self.path,)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Hash the files. Raises UserError for one that does not exist."""
        return own_files(data_dir, *self.paths())

    def options(self) -> dict[str, Any]:
        """Return what the content depends on besides the files: nothing, unless a subclass overrides it."""
        return {}


class GeneratedReader:
    """Base of readers that generate their content; a subclass returns its parameters from ``options``."""

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Return a ``Resolved`` without files."""
        return Resolved("generated", Path(data_dir), Path(data_dir), "generated", licence="none needed")

    def options(self) -> dict[str, Any]:
        """Return what the content depends on, as plain values."""
        raise NotImplementedError

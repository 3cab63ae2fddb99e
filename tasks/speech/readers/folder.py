"""Corpora that are trees of files: LibriSpeech and what has its form, Speech Commands."""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.speech.features import Frontend
from tasks.speech.utterances import Recordings, Utterance

AUDIO = (".flac", ".wav", ".ogg", ".mp3")
PART_OF = {"train": "train", "dev": "val", "val": "val", "valid": "val", "test": "test"}


class TranscribedFolder(Recordings):
    """Lists ``*.trans.txt``, each line ``NAME TEXT``, with ``NAME.flac`` (or wav, ogg, mp3) beside them.

    A folder that begins with train, dev, val or test gives its part; the first piece of a name before ``-`` is the
    speaker, as in LibriSpeech.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The folder, its lists hashed together; raises UserError where there are none."""
        return _tree(self.path, Path(data_dir), "local files")

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """All utterances in the order of their lists; raises UserError naming list and line."""
        for path in _lists(files.folder):
            part = _part(path.relative_to(files.folder))
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if not line.strip():
                    continue
                name, _, text = line.strip().partition(" ")
                audio = next(
                    (path.with_name(name + form) for form in AUDIO if path.with_name(name + form).is_file()), None
                )
                if audio is None:
                    raise UserError(
                        f"{path}, line {number}: there is no {name}.flac (or wav, ogg, mp3) beside the list"
                    )
                speaker = name.split("-")[0] if "-" in name else ""
                yield Utterance(name, (str(audio),), text, speaker, part, frontend.seconds(str(audio)))

    def options(self) -> dict[str, Any]:
        """The files alone decide the content."""
        return {}


class LibriSpeech(TranscribedFolder):
    """LibriSpeech (Panayotov et al. 2015): the archives that the source names, unpacked beside where they lie.

    An unpacked ``LibriSpeech/train-clean-100`` is taken as it is; no archive is needed then.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The tree, unpacked from archives that are checked; raises UserError."""
        folder = Path(data_dir) / self.source.folder
        wanted = [name.removesuffix(".tar.gz") for name in self.source.files]
        origin = "local files"
        if not all((folder / "LibriSpeech" / name).is_dir() for name in wanted):
            files = resolve(self.source, data_dir)
            origin = files.origin
            _unpack(files, folder)
        return _tree(folder / "LibriSpeech", Path(data_dir), origin, self.source, wanted)


class SpeechCommands(Recordings):
    """Speech Commands (Warden 2018): one of 35 words a recording, parts by the official lists."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The tree, unpacked from the archive that is checked; raises UserError."""
        folder = Path(data_dir) / self.source.folder
        origin = "local files"
        if not (folder / "testing_list.txt").is_file():
            files = resolve(self.source, data_dir)
            origin = files.origin
            _unpack(files, folder)
        names = "\n".join(path.relative_to(folder).as_posix() for path in _words(folder))
        sha256 = {"names": hashlib.sha256(names.encode()).hexdigest()}
        return Resolved("files", Path(data_dir), folder, origin, sha256, self.source.licence, self.source.homepage)

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """All recordings of words, background noises left out."""
        part_of = {
            line.strip(): part
            for part, name in (("val", "validation_list.txt"), ("test", "testing_list.txt"))
            for line in files.path(name).read_text(encoding="ascii").splitlines()
        }
        for path in _words(files.folder):
            name = path.relative_to(files.folder).as_posix()
            speaker = path.name.partition("_nohash_")[0]
            part = part_of.get(name, "train")
            yield Utterance(name, (str(path),), path.parent.name, speaker, part, frontend.seconds(str(path)))

    def options(self) -> dict[str, Any]:
        """The files alone decide the content."""
        return {}


def _tree(
    folder: Path, data_dir: Path, origin: str, source: Source | None = None, parts: list[str] | None = None
) -> Resolved:
    if not folder.is_dir():
        raise UserError(f"data.path={folder} is no folder; name one with *.trans.txt and recordings below it")
    lists = [path for path in _lists(folder) if parts is None or path.relative_to(folder).parts[0] in parts]
    if not lists:
        raise UserError(f"{folder} holds no *.trans.txt; each line of one is NAME TEXT, with NAME.flac beside the list")
    digest = hashlib.sha256()
    for path in lists:
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    told = (source.licence, source.homepage) if source else ()
    return Resolved("files", data_dir, folder, origin, {"transcripts": digest.hexdigest()}, *told)


def _lists(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.trans.txt"))


def _part(path: Path) -> str:
    """The part that the first folder with such a name tells."""
    for piece in path.parts[:-1]:
        word = piece.lower().replace("_", "-").split("-")[0]
        if word in PART_OF:
            return PART_OF[word]
    return ""


def _words(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*.wav") if not path.parent.name.startswith("_"))


def _unpack(files: Resolved, folder: Path) -> None:
    """Unpack archives whose hashes were checked, refusing members that would leave the folder."""
    for name in files.sha256:
        with tarfile.open(files.path(name)) as archive:
            archive.extractall(folder, filter="data")

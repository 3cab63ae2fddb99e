"""Base of readers for the folder layout of LibriSpeech: transcript lists with the recordings beside them."""

from collections.abc import Iterator
from pathlib import Path

from suite.data.source import Resolved
from suite.errors import UserError
from tasks.speech.features import Frontend
from tasks.speech.readers.base import RecordingFiles
from tasks.speech.utterances import Utterance

SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")
SPLIT_OF_WORD = {"train": "train", "dev": "val", "val": "val", "valid": "val", "test": "test"}


class TranscriptLists(RecordingFiles):
    """Reads lists ``*.trans.txt`` with lines ``NAME TEXT``; ``NAME.flac`` (or wav, ogg, mp3) is beside its list.

    A folder whose name starts with train, dev, val or test states the split of what is below it. The part of a name
    before the first ``-`` is the speaker.
    """

    def lists(self, folder: Path) -> list[Path]:
        """Return the lists below a folder in sorted order. Raises UserError if there are none."""
        paths = sorted(folder.rglob("*.trans.txt"))
        if not paths:
            raise UserError(
                f"{folder} has no *.trans.txt; write such a list with lines NAME TEXT, and put NAME.flac beside it"
            )
        return paths

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Yield the utterances in the order of their lists. Raises UserError naming list and line."""
        for path in self.lists(files.folder):
            yield from _read_list(path, _split_of(path.relative_to(files.folder)), frontend)


def _read_list(path: Path, split: str, frontend: Frontend) -> Iterator[Utterance]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        name, _, text = line.strip().partition(" ")
        candidates = (path.with_name(name + suffix) for suffix in SUFFIXES)
        audio = next((candidate for candidate in candidates if candidate.is_file()), None)
        if audio is None:
            raise UserError(f"{path}, line {number}: no file {name}.flac (or wav, ogg, mp3) beside the list; add it")
        speaker = name.split("-")[0] if "-" in name else ""
        yield Utterance(name, (str(audio),), text, speaker, split, frontend.seconds(str(audio)))


def _split_of(path: Path) -> str:
    """Return the split that the first folder with such a name states, or an empty text."""
    for name in path.parts[:-1]:
        word = name.lower().replace("_", "-").split("-")[0]
        if word in SPLIT_OF_WORD:
            return SPLIT_OF_WORD[word]
    return ""

"""CMU's AN4: spelled names, numbers and commands; 948 utterances to train on, 130 of other speakers to test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite.data.resolve import resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError
from tasks.speech.features import Frontend
from tasks.speech.utterances import Recordings, Utterance

LISTS = {"train": "an4_train", "test": "an4_test"}


class An4(Recordings):
    """The official lists in ``etc/`` and cepstra in ``feat/``, as Sphinx's tutorial lays them out."""

    name = "an4"

    def __init__(self, source: Source) -> None:
        self.source = source

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The lists, whose hashes are recorded; raises UserError where they are missing."""
        return resolve(self.source, data_dir)

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Every utterance in the order of the lists; raises UserError for a list that its transcripts do not fit."""
        for part, stem in LISTS.items():
            names = files.path(f"etc/{stem}.fileids").read_text(encoding="ascii").split()
            texts = list(_transcripts(files.path(f"etc/{stem}.transcription")))
            if [name.rsplit("/", 1)[-1] for name in names] != [name for name, _ in texts]:
                raise UserError(
                    f"{files.folder}: etc/{stem}.fileids and .transcription do not name the same utterances"
                )
            for name, (_, text) in zip(names, texts, strict=True):
                path = str(files.path(f"feat/{name}.mfc"))
                yield Utterance(name, (path,), text, name.split("/")[-2], part, frontend.seconds(path))

    def options(self) -> dict[str, Any]:
        """The files alone decide the content."""
        return {}


def _transcripts(path: Path) -> Iterator[tuple[str, str]]:
    """Name and text of every line, which is ``TEXT (name)``."""
    for line in path.read_text(encoding="ascii").splitlines():
        text, _, name = line.rpartition("(")
        words = [word for word in text.split() if not word.startswith("<")]  # sentence marks of some copies
        yield name.rstrip().removesuffix(")"), " ".join(words)

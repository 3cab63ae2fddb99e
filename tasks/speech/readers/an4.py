"""Reader of CMU AN4: 948 training and 130 test utterances of spelled names, numbers and commands."""

from collections.abc import Iterator
from pathlib import Path

from suite.data.readers import SourceReader
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.speech.features import Frontend
from tasks.speech.readers.base import RecordingFiles
from tasks.speech.utterances import Utterance

LISTS = {"train": "an4_train", "test": "an4_test"}


class An4(RecordingFiles, SourceReader):
    """The official lists in ``etc/`` and the cepstra in ``feat/``, in the folder layout of the Sphinx tutorial."""

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Yield the utterances in the order of the lists.

        Raises UserError if a list and its transcripts name different utterances.
        """
        for split, stem in LISTS.items():
            names = files.path(f"etc/{stem}.fileids").read_text(encoding="ascii").split()
            texts = list(_transcripts(files.path(f"etc/{stem}.transcription")))
            if [name.rsplit("/", 1)[-1] for name in names] != [name for name, _ in texts]:
                raise UserError(
                    f"{files.folder}: etc/{stem}.fileids and etc/{stem}.transcription name different utterances; copy "
                    "both from the same release of AN4"
                )
            for name, (_, text) in zip(names, texts, strict=True):
                path = str(files.path(f"feat/{name}.mfc"))
                yield Utterance(name, (path,), text, name.split("/")[-2], split, frontend.seconds(path))


def _transcripts(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of each line, which has the form ``TEXT (name)``."""
    for line in path.read_text(encoding="ascii").splitlines():
        text, _, name = line.rpartition("(")
        words = [word for word in text.split() if not word.startswith("<")]  # some releases have <s> and </s>
        yield name.rstrip().removesuffix(")"), " ".join(words)

"""Reader of a user's own recordings that are listed in JSON Lines."""

import math
from collections.abc import Iterator
from pathlib import Path

from suite.data.readers import OwnFileReader
from suite.data.source import Resolved
from suite.data.splits import parse_split
from suite.data.tables import Row, jsonl_rows
from suite.errors import UserError
from tasks.speech.features import Frontend
from tasks.speech.readers.base import RecordingFiles
from tasks.speech.utterances import Utterance


class Manifest(RecordingFiles, OwnFileReader):
    """Lines such as ``{"audio": FILE, "text": ..., "duration": seconds, "speaker": ..., "split": ...}``.

    ``audio`` is relative to the list, or absolute. ``duration`` is optional; without it the header of the file is read.
    ``speaker`` and ``split`` (train, val or test) are optional.

    Args:
        path: of the list.
    """

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Yield the utterances of the list. Raises UserError naming the line."""
        for row in jsonl_rows(self.path):
            yield self._utterance(row, frontend)

    def _utterance(self, row: Row, frontend: Frontend) -> Utterance:
        audio, text = audio_file(row), _text(row, "text")
        seconds = row.cells.get("duration")
        if seconds is None:
            seconds = frontend.seconds(str(audio))
        elif not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
            raise UserError(f"{row.place}: duration must be a number of seconds, got {seconds!r}")
        speaker, split = str(row.cells.get("speaker", "")), parse_split(str(row.cells.get("split", "")), row.place)
        return Utterance(row.cells["audio"], (str(audio),), text, speaker, split, float(seconds))


def audio_file(row: Row) -> Path:
    """Return the recording that the column ``audio`` of a list names, relative to the folder of the list.

    Raises UserError, naming the line, if the column has no text or the file does not exist.
    """
    audio = Path(row.path).parent / _text(row, "audio")
    if not audio.is_file():
        raise UserError(f"{row.place}: {audio} does not exist; give a path from the list's folder, or a full path")
    return audio


def _text(row: Row, key: str) -> str:
    text = row.cells.get(key)
    if not isinstance(text, str):
        raise UserError(f'{row.place}: no text under "{key}"; a line is {{"audio": FILE, "text": ...}}')
    return text

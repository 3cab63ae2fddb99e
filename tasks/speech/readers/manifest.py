"""Reader of a user's own recordings that are listed in JSON Lines."""

from collections.abc import Iterator

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
        for key in ("audio", "text"):
            if not isinstance(row.cells.get(key), str):
                raise UserError(f'{row.place}: no text under "{key}"; a line is {{"audio": FILE, "text": ...}}')
        name = row.cells["audio"]
        audio = self.path.parent / name
        if not audio.is_file():
            raise UserError(f"{row.place}: {audio} does not exist; give a path from the list's folder, or a full path")
        seconds = row.cells.get("duration")
        if seconds is None:
            seconds = frontend.seconds(str(audio))
        elif not isinstance(seconds, (int, float)) or not seconds >= 0:
            raise UserError(f"{row.place}: duration must be a number of seconds, got {seconds!r}")
        speaker, split = str(row.cells.get("speaker", "")), parse_split(str(row.cells.get("split", "")), row.place)
        return Utterance(name, (str(audio),), row.cells["text"], speaker, split, float(seconds))

"""A user's own recordings, listed in JSON Lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite.data.files import sha256_of
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.speech.features import Frontend
from tasks.speech.utterances import Recordings, Utterance


class Manifest(Recordings):
    """``{"audio": FILE, "text": ..., "duration": seconds}``, one object a line.

    ``audio`` is beside the list or absolute; ``duration`` may be left out, and is then read from the file's header;
    ``speaker`` and ``split`` (train, val or test) may be added.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The list; raises UserError where it is missing."""
        if not self.path.is_file():
            raise UserError(f"data.path={self.path} is no file; name a list of recordings in JSON Lines")
        return Resolved(
            "files", Path(data_dir), self.path.parent, "local files", {self.path.name: sha256_of(self.path)}
        )

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """The utterances of the list; raises UserError naming the line."""
        with self.path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield self._utterance(line, f"{self.path}, line {number}", frontend)

    def options(self) -> dict[str, Any]:
        """The file alone decides the content."""
        return {}

    def _utterance(self, line: str, place: str, frontend: Frontend) -> Utterance:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{place} is not JSON: {error.msg}") from error
        for key in ("audio", "text"):
            if not isinstance(row, dict) or not isinstance(row.get(key), str):
                raise UserError(f'{place} has no text under "{key}"; a line is {{"audio": FILE, "text": ...}}')
        audio = self.path.parent / row["audio"]
        if not audio.is_file():
            raise UserError(f"{place}: {audio} does not exist; a path is relative to the list, or absolute")
        seconds = row.get("duration")
        if seconds is None:
            seconds = frontend.seconds(str(audio))
        elif not isinstance(seconds, (int, float)) or not seconds >= 0:
            raise UserError(f"{place}: the duration {seconds!r} is no number of seconds")
        speaker, part = str(row.get("speaker", "")), str(row.get("split", ""))
        return Utterance(row["audio"], (str(audio),), row["text"], speaker, part, float(seconds))

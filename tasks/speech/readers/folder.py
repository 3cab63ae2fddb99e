"""Reader of a user's own recordings in the folder layout of LibriSpeech."""

from pathlib import Path
from typing import Any

from suite.data.own_files import own_folder
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.speech.readers.transcripts import TranscriptLists


class TranscribedFolder(TranscriptLists):
    """A folder with lists ``*.trans.txt`` and the recordings beside them; see ``TranscriptLists``.

    Args:
        path: of the folder.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Hash the lists. Raises UserError if there are none."""
        if not self.path.is_dir():
            raise UserError(
                f"data.path: the folder {self.path} does not exist; give a folder with *.trans.txt and recordings"
            )
        return own_folder(data_dir, self.path, self.lists(self.path))

    def options(self) -> dict[str, Any]:
        return {}

"""Reader of Speech Commands (Warden 2018)."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from suite.data.readers import SourceReader
from suite.data.source import Resolved
from tasks.speech.features import Frontend
from tasks.speech.readers.archives import unpack_archives
from tasks.speech.readers.base import RecordingFiles
from tasks.speech.utterances import Utterance


class SpeechCommands(RecordingFiles, SourceReader):
    """Recordings of single words with the official splits; background noises are skipped.

    Args:
        source: name, address and hash of the archive.
    """

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find, download or unpack the recordings. Raises UserError where they are not available."""
        folder = Path(data_dir) / self.source.folder
        origin = "local files"
        if not (folder / "testing_list.txt").is_file():
            origin = unpack_archives(self.source, data_dir)
        names = "\n".join(path.relative_to(folder).as_posix() for path in _word_files(folder))
        sha256 = {"names": hashlib.sha256(names.encode()).hexdigest()}
        return Resolved("files", Path(data_dir), folder, origin, sha256, self.source.licence, self.source.homepage)

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Yield the utterances in the order of their paths."""
        split_of = {
            line.strip(): split
            for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt"))
            for line in files.path(name).read_text(encoding="ascii").splitlines()
        }
        for path in _word_files(files.folder):
            name = path.relative_to(files.folder).as_posix()
            speaker = path.name.partition("_nohash_")[0]
            split = split_of.get(name, "train")
            yield Utterance(name, (str(path),), path.parent.name, speaker, split, frontend.seconds(str(path)))


def _word_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*.wav") if not path.parent.name.startswith("_"))

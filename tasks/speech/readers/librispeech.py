"""Reader of LibriSpeech (Panayotov et al. 2015)."""

from pathlib import Path

from suite.data.own_files import hash_tree
from suite.data.readers import SourceReader
from suite.data.source import Resolved
from tasks.speech.readers.archives import unpack_archives
from tasks.speech.readers.transcripts import TranscriptLists


class LibriSpeech(TranscriptLists, SourceReader):
    """The subsets whose archives the source names, such as ``train-clean-100``.

    Archives are unpacked in the folder of the source. A subset that is unpacked already needs no archive.

    Args:
        source: names, addresses and hashes of the archives.
    """

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find, download or unpack the subsets. Raises UserError where they are not available."""
        tree = Path(data_dir) / self.source.folder / "LibriSpeech"
        origin = "local files"
        if not all((tree / name).is_dir() for name in self._subsets()):
            origin = unpack_archives(self.source, data_dir)
        sha256 = {"transcripts": hash_tree(tree, self.lists(tree))}
        return Resolved("files", Path(data_dir), tree, origin, sha256, self.source.licence, self.source.homepage)

    def lists(self, folder: Path) -> list[Path]:
        """Return the lists of the named subsets; other unpacked subsets are skipped."""
        return [path for name in sorted(self._subsets()) for path in super(LibriSpeech, self).lists(folder / name)]

    def _subsets(self) -> list[str]:
        return [name.removesuffix(".tar.gz") for name in self.source.files]

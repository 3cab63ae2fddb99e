"""The Large Movie Review Dataset (Maas et al. 2011) in any of its forms: archive, folders of files, or JSON Lines."""

import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from suite.data.own_files import hash_tree
from suite.data.readers import SourceReader
from suite.data.resolve import find_local, resolve
from suite.data.source import Resolved, Source
from suite.data.tables import jsonl_rows
from suite.data.text_files import decode
from suite.errors import UserError, did_you_mean
from tasks.documents.labelled_text import LabelledText

ARCHIVE = "aclImdb_v1.tar.gz"
TARGETS = ("sentiment", "rating")
_REVIEW = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d+)_(\d+)\.txt$")
_URLS = re.compile(r"aclImdb/(train|test)/urls_(neg|pos)\.txt$")
_FILM = re.compile(rb"tt\d+")
Key = tuple[str, str, int]  # split, neg or pos, number of the review in its folder


class Imdb(SourceReader):
    """25,000 training reviews and 25,000 test reviews of other films. All forms of the data give the same texts.

    The group of a review is its film, so that validation reviews are of other films than training reviews.

    Args:
        source: of the archive.
        target: ``sentiment`` for two classes, ``rating`` for the eight ratings 1-4 and 7-10.

    Raises UserError for another target.
    """

    name: ClassVar[str] = "imdb"

    def __init__(self, source: Source, target: str) -> None:
        super().__init__(source)
        if target not in TARGETS:
            raise UserError(f"data.target={target} is not known.{did_you_mean(target, TARGETS)}")
        self.target = target

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Return the folders or the JSON Lines if they exist, else the archive, which is downloaded if needed."""
        folder = Path(data_dir) / self.source.folder
        tree = next((place for place in (folder, folder.parent) if (place / "aclImdb/train/pos").is_dir()), None)
        if tree is not None:
            hashes = {"aclImdb": hash_tree(tree, _paths(tree))}
            return Resolved("tree", Path(data_dir), tree, "local files", hashes, homepage=self.source.homepage)
        instead = Source("imdb", self.source.folder, dict.fromkeys(self.source.instead))
        lines = find_local(instead, Path(data_dir)) if instead.files else None
        return lines or resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Iterator[LabelledText]:
        """Yield all reviews: training before test, negative before positive, by number."""
        if "train.jsonl.gz" in files.sha256:
            return self._from_lines(files)
        contents = _tree(files.folder) if files.kind == "tree" else _archive(files.path(ARCHIVE))
        return self._from_texts(contents)

    def options(self) -> dict[str, Any]:
        return {"target": self.target}

    def _from_lines(self, files: Resolved) -> Iterator[LabelledText]:
        for split in ("train", "test"):
            found = []
            for row in jsonl_rows(files.path(f"{split}.jsonl.gz")):
                cells = row.cells
                folder, _, name = cells["id"].partition("/")
                key = (split, folder, int(name.partition("_")[0]))
                found.append((key, self._review(key, int(cells["rating"]), cells["text"], row.place, cells["movie"])))
            yield from (review for _, review in sorted(found))

    def _from_texts(self, contents: Iterable[tuple[str, bytes]]) -> Iterator[LabelledText]:
        texts: dict[Key, tuple[int, str, str]] = {}
        films: dict[tuple[str, str], list[str]] = {}
        for place, content in contents:
            if match := _REVIEW.search(place):
                key = (match[1], match[2], int(match[3]))
                texts[key] = (int(match[4]), decode(content, place), place)
            elif match := _URLS.search(place):
                films[match[1], match[2]] = [film.decode() for film in _FILM.findall(content)]
        for key in sorted(texts, key=lambda key: (key[0] == "test", *key[1:])):
            rating, text, place = texts[key]
            listed = films.get(key[:2], [])
            yield self._review(key, rating, text, place, listed[key[2]] if key[2] < len(listed) else "")

    def _review(self, key: Key, rating: int, text: str, place: str, film: str) -> LabelledText:
        label = {"neg": "negative", "pos": "positive"}[key[1]] if self.target == "sentiment" else str(rating)
        return LabelledText(text, label, place, key[0], film)


def _tree(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in _paths(folder):
        yield path.as_posix(), path.read_bytes()


def _paths(folder: Path) -> list[Path]:
    splits = [folder / "aclImdb" / split for split in ("train", "test")]
    patterns = ("urls_*.txt", "neg/*.txt", "pos/*.txt")
    return sorted(path for split in splits for pattern in patterns for path in split.glob(pattern))


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if (_REVIEW.search(member.name) or _URLS.search(member.name)) and (stream := archive.extractfile(member)):
                yield member.name, stream.read()

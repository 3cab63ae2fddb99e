"""The Large Movie Review Dataset (Maas et al. 2011) in any of its forms: archive, tree of files, or JSON Lines."""

import hashlib
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from suite.data.resolve import find_local, resolve
from suite.data.source import Resolved, Source
from suite.errors import UserError, did_you_mean
from tasks.documents.record import Record, decode, jsonl_rows

ARCHIVE = "aclImdb_v1.tar.gz"
TARGETS = ("sentiment", "rating")
_REVIEW = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d+)_(\d+)\.txt$")
_URLS = re.compile(r"aclImdb/(train|test)/urls_(neg|pos)\.txt$")
_MOVIE = re.compile(rb"tt\d+")
Key = tuple[str, str, int]  # part, neg or pos, number of the review in its folder


class Imdb:
    """25,000 reviews to train on and 25,000 to test, of other movies; two classes, or the eight ratings 1-4 and 7-10.

    A review's group is its movie, so that validation can be on other movies too. Every form gives the same records.
    """

    name = "imdb"

    def __init__(self, source: Source, target: str) -> None:
        if target not in TARGETS:
            raise UserError(f"data.target={target} is not known.{did_you_mean(target, TARGETS)}")
        self.source = source
        self.target = target

    def resolve(self, data_dir: Path | str) -> Resolved:
        """The tree or the JSON Lines where they lie, else the archive, which is fetched; raises UserError."""
        folder = Path(data_dir) / self.source.folder
        tree = next((place for place in (folder, folder.parent) if (place / "aclImdb/train/pos").is_dir()), None)
        if tree is not None:
            hashes = {"aclImdb": _hash_tree(tree)}
            return Resolved("tree", Path(data_dir), tree, "local files", hashes, homepage=self.source.homepage)
        parts = Source("imdb", self.source.folder, dict.fromkeys(self.source.instead))
        lines = find_local(parts, Path(data_dir)) if parts.files else None
        return lines or resolve(self.source, data_dir)

    def read(self, files: Resolved) -> Iterator[Record]:
        """All reviews: training part first, negative first, by number."""
        if "train.jsonl.gz" in files.sha256:
            return self._from_lines(files)
        contents = _tree(files.folder) if files.kind == "tree" else _archive(files.path(ARCHIVE))
        return self._from_texts(contents)

    def options(self) -> dict[str, Any]:
        """Which label was asked for."""
        return {"target": self.target}

    def _from_lines(self, files: Resolved) -> Iterator[Record]:
        for part in ("train", "test"):
            kept = []
            for place, row in jsonl_rows(files.path(f"{part}.jsonl.gz")):
                folder, _, name = row["id"].partition("/")
                key = (part, folder, int(name.partition("_")[0]))
                kept.append((key, self._record(key, int(row["rating"]), row["text"], place, row["movie"])))
            yield from (record for _, record in sorted(kept))

    def _from_texts(self, contents: Iterable[tuple[str, bytes]]) -> Iterator[Record]:
        kept: dict[Key, tuple[int, str, str]] = {}
        movies: dict[tuple[str, str], list[str]] = {}
        for place, content in contents:
            if found := _REVIEW.search(place):
                key = (found[1], found[2], int(found[3]))
                kept[key] = (int(found[4]), decode(content, place), place)
            elif found := _URLS.search(place):
                movies[found[1], found[2]] = [match.decode() for match in _MOVIE.findall(content)]
        for key in sorted(kept, key=lambda key: (key[0] == "test", *key[1:])):
            rating, text, place = kept[key]
            listed = movies.get(key[:2], [])
            yield self._record(key, rating, text, place, listed[key[2]] if key[2] < len(listed) else "")

    def _record(self, key: Key, rating: int, text: str, place: str, movie: str) -> Record:
        label = {"neg": "negative", "pos": "positive"}[key[1]] if self.target == "sentiment" else str(rating)
        return Record(text, label, place, key[0], movie)


def _tree(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in _wanted(folder):
        yield path.as_posix(), path.read_bytes()


def _wanted(folder: Path) -> list[Path]:
    parts = [folder / "aclImdb" / part for part in ("train", "test")]
    return sorted(
        path for part in parts for form in ("urls_*.txt", "neg/*.txt", "pos/*.txt") for path in part.glob(form)
    )


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if (_REVIEW.search(member.name) or _URLS.search(member.name)) and (stream := archive.extractfile(member)):
                yield member.name, stream.read()


def _hash_tree(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _wanted(folder):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()

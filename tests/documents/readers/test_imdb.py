"""The three forms of IMDB."""

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from suite.cli.data import state
from suite.data.source import Source
from suite.errors import UserError
from tasks.documents.data import DocumentsData
from tasks.documents.readers.imdb import Imdb

INSTEAD = ("train.jsonl.gz", "test.jsonl.gz")
SOURCE = Source("imdb", "imdb", {"aclImdb_v1.tar.gz": None}, instead=INSTEAD)


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    """The same twelve reviews as folders, JSON Lines and an archive."""
    reviews = [
        (split, folder, number, rating, f"A {folder} film, number {number}.\nIn {split}.")
        for split in ("train", "test")
        for folder, rating in (("neg", 2), ("pos", 9))
        for number in (0, 2, 10)
    ]
    tree = tmp_path / "tree" / "imdb" / "aclImdb"
    for split in ("train", "test"):
        for folder in ("neg", "pos"):
            (tree / split / folder).mkdir(parents=True)
            films = "".join(f"http://www.imdb.com/title/tt{number:07}/usercomments\n" for number in range(11))
            (tree / split / f"urls_{folder}.txt").write_text(films)
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for split, folder, number, rating, text in reviews:
        (tree / split / folder / f"{number}_{rating}.txt").write_text(text)
        row = {"id": f"{folder}/{number}_{rating}", "label": int(rating > 5), "rating": rating, "text": text}
        lines[split].insert(0, json.dumps({**row, "movie": f"tt{number:07}"}))
    (tmp_path / "lines/imdb").mkdir(parents=True)
    for split, rows in lines.items():
        with gzip.open(tmp_path / f"lines/imdb/{split}.jsonl.gz", "wt") as stream:
            stream.write("\n".join(rows))
    (tmp_path / "archive/imdb").mkdir(parents=True)
    with tarfile.open(tmp_path / "archive/imdb/aclImdb_v1.tar.gz", "w:gz") as archive:
        archive.add(tree, arcname="aclImdb")
    return tmp_path


@pytest.mark.parametrize(("target", "label"), [("sentiment", "negative"), ("rating", "2")])
def test_the_three_forms_give_the_same_texts(target: str, label: str, forms: Path) -> None:
    found = []
    for form in ("tree", "lines", "archive"):
        reader = Imdb(SOURCE, target)
        found.append([text._replace(place="") for text in reader.read(reader.resolve(forms / form))])
    assert found[0] == found[1] == found[2]
    assert [text.split for text in found[0]] == ["train"] * 6 + ["test"] * 6
    assert found[0][2] == ("A neg film, number 10.\nIn train.", label, "", "train", "tt0000010")


def test_json_lines_count_as_present(forms: Path) -> None:
    assert state(SOURCE, forms / "lines") == "present as train.jsonl.gz and test.jsonl.gz"


def test_an_unknown_target_raises() -> None:
    with pytest.raises(UserError, match="data.target=stars is not known"):
        Imdb(SOURCE, "stars")


@pytest.mark.slow
def test_the_real_data_have_their_published_facts(real: Callable[..., DocumentsData]) -> None:
    data = real("imdb")
    assert (len(data.corpus), len(data.splits.test)) == (50_000, 25_000)
    assert data.provenance()["test_texts_seen_in_training"] == 123
    assert not set(data.corpus.groups[data.splits.val]) & set(data.corpus.groups[data.splits.train])

"""The multi-domain reviews."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from suite.data.source import Source
from suite.errors import UserError
from tasks.documents.data import DocumentsData
from tasks.documents.readers.multidomain import Multidomain

SOURCE = Source("multidomain", "multidomain", {"reviews.jsonl.gz": None})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"domain": "books", "label": 1, "title": "Good", "text": "I read it."},
        {"domain": "dvd", "label": 0, "title": None, "text": "I saw it."},
    ]
    (tmp_path / "multidomain").mkdir()
    with gzip.open(tmp_path / "multidomain/reviews.jsonl.gz", "wt") as stream:
        stream.write("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def test_the_title_is_the_first_line(folder: Path) -> None:
    reader = Multidomain(SOURCE, None)
    found = [text[:2] for text in reader.read(reader.resolve(folder))]
    assert found == [("Good\nI read it.", "positive"), ("\nI saw it.", "negative")]


def test_domains_are_chosen_and_a_missing_one_raises(folder: Path) -> None:
    reader = Multidomain(SOURCE, ["dvd"])
    assert len(list(reader.read(reader.resolve(folder)))) == 1
    with pytest.raises(UserError, match="data.domains contains toys, but the file has books, dvd"):
        list(Multidomain(SOURCE, ["toys"]).read(reader.resolve(folder)))


def test_the_real_data_have_their_published_size(real: Callable[..., DocumentsData]) -> None:
    assert len(real("multidomain", "data.domains=[books,dvd]").corpus) == 4000

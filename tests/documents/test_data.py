"""Splits, vocabulary, cache and limits of the documents."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suite.errors import UserError
from tests.documents.conftest import TEXTS, document_data, preset


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))


def write(folder: Path, rows: list[dict[str, Any]]) -> str:
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def plain() -> list[dict[str, Any]]:
    return [{"text": text, "label": label} for text, label in TEXTS]


def test_the_vocabulary_is_that_of_the_training_split(tmp_path: Path) -> None:
    rows = [{**row, "set": "train"} for row in plain()]
    rows += [{"text": "zebra was good", "label": "p", "set": split} for split in ("val", "test")]
    data = document_data("jsonl", path=write(tmp_path, rows), split_column="set", min_count=1)
    assert "zebra" not in data.facts()["vocabulary"]
    assert next(iter(data.split_dataloader("test"))).words.tolist()[0] == 0
    assert data.provenance()["test_texts_seen_in_training"] == 1


def test_the_cache_gives_the_same_documents(tmp_path: Path) -> None:
    path = write(tmp_path, plain())
    first, second = (document_data("jsonl", path=path) for _ in range(2))
    assert first.provenance() == second.provenance()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_empty_documents_remain(tmp_path: Path) -> None:
    rows = plain()
    for row in rows[::5]:
        row["text"] = ""
    data = document_data("jsonl", path=write(tmp_path, rows))
    data.setup()
    assert (np.diff(data.corpus.documents) == 0).sum() == 5


def test_long_documents_are_truncated_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = plain()
    rows[3]["text"] = "word " * 100_000
    with caplog.at_level(logging.WARNING):
        data = document_data("jsonl", path=write(tmp_path, rows), max_words=500)
        assert data.provenance()["documents_truncated"] == 1
    assert data.documents.lengths.max() == 500
    assert "own.jsonl, line 4" in caplog.text


def test_a_label_that_training_lacks_is_named_with_its_row(tmp_path: Path) -> None:
    rows = [{**row, "set": "train"} for row in plain()]
    rows += [{"text": "x", "label": "p", "set": "val"}, {"text": "x", "label": "new", "set": "test"}]
    with pytest.raises(UserError, match="line 26: the label 'new' is in the test split but not in the training split"):
        document_data("jsonl", path=write(tmp_path, rows), split_column="set").setup()


@pytest.mark.parametrize("name", ["batch_size", "vocabulary_size", "max_words", "max_sentence"])
def test_sizes_must_be_positive(name: str) -> None:
    with pytest.raises(UserError, match=f"data.{name} must be at least 1, got 0"):
        document_data("synthetic", **{name: 0})


def test_a_misspelt_key_raises() -> None:
    assert "max_words" in preset("csv")
    with pytest.raises((UserError, TypeError), match="TextTableData has no argument 'max_word'.*'max_words'"):
        document_data("csv", path="x.csv", max_word=3)

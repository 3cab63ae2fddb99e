"""Readers of every form, the facts of the real sets, and files that are wrong."""

import gzip
import json
import logging
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suite.cli.data import state
from suite.config.compose import compose
from suite.data.source import Source
from suite.errors import UserError
from suite.training.build import build_data
from tasks.documents.data import DocumentsData, OwnData
from tasks.documents.readers.imdb import Imdb
from tasks.documents.readers.text_table import DrugReviews
from tasks.documents.vocabulary import Vocabulary

ROWS = [
    (f"The film number {number} was {'good' if number % 2 else 'bad'}. Yes.", "pn"[number % 2]) for number in range(24)
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        import csv

        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


def test_every_form_of_an_own_file_gives_the_same_documents(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    hashes = set()
    for name in ("own.csv", "own.tsv", "own.jsonl", "own.parquet"):
        data = OwnData(str(write(tmp_path / name, rows)), dir=str(tmp_path))
        hashes.add((data.provenance()["content_hash"], data.provenance()["split_hash"]))
        assert data.facts()["class_names"] == ["n", "p"]
    assert len(hashes) == 1


def test_columns_and_parts_may_have_names_of_their_own(tmp_path: Path) -> None:
    parts = ["train"] * 16 + ["val"] * 3 + ["test"] * 5
    rows = [{"body": text, "stars": len(label), "part": part} for (text, label), part in zip(ROWS, parts, strict=True)]
    rows[0]["stars"], rows[17]["stars"], rows[20]["stars"] = 10, 10, 10
    path = write(tmp_path / "own.csv", rows)
    data = OwnData(str(path), "body", "stars", "part", dir=str(tmp_path))
    assert [data.provenance()[f"num_{part}"] for part in ("train", "val", "test")] == [16, 3, 5]
    assert data.facts()["class_names"] == ["1", "10"]  # as numbers, not as words
    assert data.documents.labels[[0, 17, 20]].tolist() == [1, 1, 1]


def test_the_vocabulary_is_of_the_training_part_alone(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label, "part": "train"} for text, label in ROWS]
    rows += [{"text": "zebra was good", "label": "p", "part": part} for part in ("val", "test")]
    data = OwnData(str(write(tmp_path / "own.jsonl", rows)), split_column="part", min_count=1, dir=str(tmp_path))
    assert "zebra" not in data.facts()["vocabulary"]
    assert next(iter(data.split_dataloader("test"))).words.tolist()[0] == 0
    assert data.provenance()["test_texts_seen_in_training"] == 1


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", [{"text": text, "label": label} for text, label in ROWS])
    first, second = (OwnData(str(path), dir=str(tmp_path)) for _ in range(2))
    assert first.provenance() == second.provenance()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_empty_documents_are_documents(tmp_path: Path) -> None:
    rows = [{"text": text if number % 5 else "", "label": label} for number, (text, label) in enumerate(ROWS)]
    data = OwnData(str(write(tmp_path / "own.jsonl", rows)), dir=str(tmp_path))
    data.setup()
    assert (np.diff(data.corpus.documents) == 0).sum() == 5


def test_long_documents_are_cut_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    rows[3]["text"] = "word " * 100_000
    with caplog.at_level(logging.WARNING):
        data = OwnData(str(write(tmp_path / "own.jsonl", rows)), dir=str(tmp_path), max_words=500)
        assert data.provenance()["documents_cut"] == 1
    assert data.documents.lengths.max() == 500
    assert "own.jsonl, line 4" in caplog.text


WRONG = {
    "missing column": (b'{"text": "a"}\n', "line 1: there is no column 'label'"),
    "no JSON": (b'{"text": "a", "label": "b"}\n{"text"\n', "line 2: not JSON"),
    "no object": (b"[1]\n", "line 1: a JSON object"),
    "UTF-8": (b'{"text": "a", "label": "b"}\n{"text": "caf\xe9", "label": "b"}\n', "line 2: not valid UTF-8"),
    "null": (b'{"text": null, "label": "b"}\n', "line 1: the column 'text' has no value"),
    "empty label": (b'{"text": "a", "label": " "}\n', "line 1: the label is empty"),
    "nothing": (b"", "There is no document"),
    "one label": (b'{"text": "a", "label": "b"}\n' * 30, "one label only, b"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_named_with_their_row(name: str, tmp_path: Path) -> None:
    content, message = WRONG[name]
    (tmp_path / "own.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=message):
        OwnData(str(tmp_path / "own.jsonl"), dir=str(tmp_path)).setup()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("own.csv", b"text,label\na,b,c\n", "line 2: 3 cells, and the first line names 2"),
        ("own.csv", b'text,label\n"a,b\n', "own.csv, line 2"),
        ("own.csv", b"text,label\na,b\ncaf\xe9,b\n", "line 3: not valid UTF-8"),
        ("own.parquet", b"PAR1", "cannot be read as parquet"),
        ("own.xls", b"", "is none of .csv"),
    ],
)
def test_wrong_tables_are_named_with_their_row(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        OwnData(str(tmp_path / name), dir=str(tmp_path)).setup()


def test_a_label_that_training_lacks_is_named_with_its_row(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label, "part": "train"} for text, label in ROWS]
    rows += [{"text": "x", "label": "p", "part": "val"}, {"text": "x", "label": "new", "part": "test"}]
    path = write(tmp_path / "own.jsonl", rows)
    with pytest.raises(UserError, match="line 26: the label 'new' is in the test part and not in training"):
        OwnData(str(path), split_column="part", dir=str(tmp_path)).setup()
    rows[0]["part"] = "training"
    with pytest.raises(UserError, match="line 1: the split 'training' is none of"):
        OwnData(str(write(path, rows)), split_column="part", dir=str(tmp_path)).setup()


def test_the_three_forms_of_imdb_give_the_same_records(tmp_path: Path) -> None:
    reviews = [
        (part, folder, number, rating, f"A {folder} film, number {number}.\nIn {part}.")
        for part in ("train", "test")
        for folder, rating in (("neg", 2), ("pos", 9))
        for number in (0, 2, 10)
    ]
    tree = tmp_path / "tree" / "imdb" / "aclImdb"
    for part in ("train", "test"):
        for folder in ("neg", "pos"):
            (tree / part / folder).mkdir(parents=True)
            movies = "".join(f"http://www.imdb.com/title/tt{number:07}/usercomments\n" for number in range(11))
            (tree / part / f"urls_{folder}.txt").write_text(movies)
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for part, folder, number, rating, text in reviews:
        (tree / part / folder / f"{number}_{rating}.txt").write_text(text)
        row = {"id": f"{folder}/{number}_{rating}", "label": int(rating > 5), "rating": rating, "text": text}
        lines[part].insert(0, json.dumps({**row, "movie": f"tt{number:07}"}))
    (tmp_path / "lines/imdb").mkdir(parents=True)
    for part, rows in lines.items():
        with gzip.open(tmp_path / f"lines/imdb/{part}.jsonl.gz", "wt") as stream:
            stream.write("\n".join(rows))
    (tmp_path / "archive/imdb").mkdir(parents=True)
    with tarfile.open(tmp_path / "archive/imdb/aclImdb_v1.tar.gz", "w:gz") as archive:
        archive.add(tree, arcname="aclImdb")
    lines = ("train.jsonl.gz", "test.jsonl.gz")
    source = Source("imdb", "imdb", {"aclImdb_v1.tar.gz": None}, instead=lines)
    assert state(source, tmp_path / "lines") == "present as train.jsonl.gz and test.jsonl.gz"
    for target, label in (("sentiment", "negative"), ("rating", "2")):
        forms = []
        for form in ("tree", "lines", "archive"):
            reader = Imdb(source, target)
            records = list(reader.read(reader.resolve(tmp_path / form)))
            forms.append([record._replace(place="") for record in records])
        assert forms[0] == forms[1] == forms[2]
        assert [record.part for record in forms[0]] == ["train"] * 6 + ["test"] * 6
        assert forms[0][2] == ("A neg film, number 10.\nIn train.", label, "", "train", "tt0000010")
    with pytest.raises(UserError, match="data.target=stars is not known"):
        Imdb(source, "stars")


def test_drug_reviews_are_read_from_the_archive(tmp_path: Path) -> None:
    (tmp_path / "drug_reviews").mkdir()
    with zipfile.ZipFile(tmp_path / "drug_reviews/drugsCom.zip", "w") as archive:
        for part in ("Train", "Test"):
            row = '7\tA\tB\t"""It didn&#039;t help."""\tnegative\tMay 1, 2012\t3\n'
            archive.writestr(f"drugsCom{part}.tsv", "\tdrugName\tcondition\treview\trating\tdate\tusefulCount\n" + row)
    reader = DrugReviews(Source("drug_reviews", "drug_reviews", {"drugsCom.zip": None}))
    records = list(reader.read(reader.resolve(tmp_path)))
    assert [(record.text, record.label, record.part) for record in records] == [
        ("It didn't help.", "negative", "train"),
        ("It didn't help.", "negative", "test"),
    ]


def test_the_vocabulary_counts_and_orders() -> None:
    lexicon = ["b", "a", "c", "d"]
    words = np.array([0, 0, 1, 1, 2, 3, 3, 3])
    assert Vocabulary.count(words, lexicon, max_size=3, min_count=2).words == ["d", "a", "b"]
    assert Vocabulary.count(words, lexicon, max_size=1, min_count=1).encode(["d", "a"]) == [1, 0]


def real(data_dir: Path, name: str, *more: str) -> DocumentsData:
    data: DocumentsData = build_data(
        compose(["task=documents", f"data=documents/{name}", f"data.dir={data_dir}", *more])
    )
    data.setup()
    return data


def test_uci_sentences_has_its_published_size(data_dir: Path) -> None:
    data = real(data_dir, "uci_sentences")
    assert (len(data.corpus), data.facts()["class_names"]) == (3000, ["negative", "positive"])
    assert np.unique(data.corpus.labels, return_counts=True)[1].tolist() == [1500, 1500]
    assert len(real(data_dir, "uci_sentences", "data.sites=[amazon,yelp]").corpus) == 2000
    with pytest.raises(UserError, match="choose among amazon, imdb, yelp"):
        real(data_dir, "uci_sentences", "data.sites=[google]")


def test_multidomain_has_its_published_size(data_dir: Path) -> None:
    data = real(data_dir, "multidomain", "data.domains=[books,dvd]")
    assert len(data.corpus) == 4000
    with pytest.raises(UserError, match="names toys; the file has books"):
        real(data_dir, "multidomain", "data.domains=[toys]")


@pytest.mark.slow
def test_imdb_has_its_published_facts(data_dir: Path) -> None:
    data = real(data_dir, "imdb")
    assert (len(data.corpus), len(data.parts.test)) == (50_000, 25_000)
    assert data.provenance()["test_texts_seen_in_training"] == 123
    assert not set(data.corpus.groups[data.parts.val]) & set(data.corpus.groups[data.parts.train])

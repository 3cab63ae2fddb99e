"""A user's own tables: every form gives the same documents, and what is wrong is named with its row."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from suite.errors import UserError
from tests.documents.conftest import TEXTS, document_data


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return str(path)


def test_every_form_gives_the_same_documents(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label} for text, label in TEXTS]
    hashes = set()
    for name in ("own.csv", "own.tsv", "own.jsonl", "own.parquet"):
        data = document_data("csv", path=write(tmp_path / name, rows))
        hashes.add((data.provenance()["content_hash"], data.provenance()["split_hash"]))
        assert data.facts()["class_names"] == ["n", "p"]
    assert len(hashes) == 1


def test_columns_and_splits_are_chosen(tmp_path: Path) -> None:
    splits = ["train"] * 16 + ["val"] * 3 + ["test"] * 5
    rows = [{"body": text, "stars": len(label), "set": name} for (text, label), name in zip(TEXTS, splits, strict=True)]
    rows[0]["stars"], rows[17]["stars"], rows[20]["stars"] = 10, 10, 10
    path = write(tmp_path / "own.csv", rows)
    data = document_data("csv", path=path, text_column="body", label_column="stars", split_column="set")
    assert [data.provenance()[f"num_{split}"] for split in ("train", "val", "test")] == [16, 3, 5]
    assert data.facts()["class_names"] == ["1", "10"]
    assert data.documents.labels[[0, 17, 20]].tolist() == [1, 1, 1]


WRONG = {
    "missing column": (b'{"text": "a"}\n', "line 1: there is no column 'label'"),
    "no JSON": (b'{"text": "a", "label": "b"}\n{"text"\n', "line 2: not JSON"),
    "UTF-8": (b'{"text": "a", "label": "b"}\n{"text": "caf\xe9", "label": "b"}\n', "line 2: not valid UTF-8"),
    "null": (b'{"text": null, "label": "b"}\n', "line 1, column text: no value"),
    "empty label": (b'{"text": "a", "label": " "}\n', "line 1: the label is empty"),
    "nothing": (b"", "contain no document"),
    "one label": (b'{"text": "a", "label": "b"}\n' * 30, "All training documents have the label b"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_lines_are_named_with_their_row(name: str, tmp_path: Path) -> None:
    content, message = WRONG[name]
    (tmp_path / "own.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=message):
        document_data("jsonl", path=str(tmp_path / "own.jsonl")).setup()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("own.csv", b"text,label\na,b,c\n", "line 2: 3 cells, and the first line has 2"),
        ("own.csv", b'text,label\n"a,b\n', "own.csv, line 2"),
        ("own.csv", b"text,label\na,b\ncaf\xe9,b\n", "line 3: not valid UTF-8"),
        ("own.parquet", b"PAR1", "cannot be read as parquet"),
        ("own.xls", b"", "ends in none of .csv"),
    ],
)
def test_wrong_tables_are_named_with_their_row(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        document_data("csv", path=str(tmp_path / name)).setup()


def test_an_unknown_split_and_a_missing_file_raise(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label, "set": "training"} for text, label in TEXTS]
    with pytest.raises(UserError, match="line 1: the split 'training' must be one of train, val, test"):
        document_data("jsonl", path=write(tmp_path / "own.jsonl", rows), split_column="set").setup()
    with pytest.raises(UserError, match="data.path: the file nowhere.csv does not exist"):
        document_data("csv", path="nowhere.csv").setup()

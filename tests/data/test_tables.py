"""One reader for all tables: forms, endings, encodings and messages."""

import gzip
import json
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.data.delimited import TableFormat
from suite.data.tables import read_rows, read_table
from suite.errors import UserError

ROWS = [{"text": "good film", "label": "pos"}, {"text": "bad, \u00fcber bad", "label": "neg"}]
CSV = 'text,label\ngood film,pos\n"bad, \u00fcber bad",neg\n'


def write(path: Path) -> Path:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        pq.write_table(pa.table({key: [row[key] for row in ROWS] for key in ("text", "label")}), path)
        return path
    if name.endswith(".json"):
        content = json.dumps(ROWS, indent=2)
    elif name.endswith(".jsonl"):
        content = "".join(json.dumps(row) + "\n" for row in ROWS)
    else:
        content = CSV if name.endswith(".csv") else "".join(f"{a}\t{b}\n" for a, b in [("text", "label"), *cells()])
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.name.lower().endswith(".gz") else data)
    return path


def cells() -> list[tuple[str, str]]:
    return [(row["text"], row["label"]) for row in ROWS]


@pytest.mark.parametrize(
    "name",
    ["a.csv", "A.CSV", "a.csv.gz", "a.tsv", "a.jsonl", "a.JSONL", "a.jsonl.gz", "a.json", "a.json.gz", "a.parquet"],
)
def test_every_form_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name)
    assert [dict(row.cells) for row in read_rows(path)] == ROWS
    table = read_table(path)
    assert list(zip(table.texts("text", "o"), table.texts("label", "o"), strict=True)) == cells()


def test_an_array_over_several_lines_in_a_jsonl_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "array.jsonl"
    path.write_text(json.dumps(ROWS, indent=1))
    assert [row.place for row in read_rows(path)] == [f"{path}, item 1", f"{path}, item 2"]


@pytest.mark.parametrize("content", ["[1, 2]", '[{"a": 1}, 3]', "[" * 100_000, '{"a": \n', "3\n", '[{"a": 1}\n'])
def test_other_json_is_an_error_of_its_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match="a.jsonl"):
        list(read_rows(path))


def test_an_encoding_other_than_utf8_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.csv, line 3: not valid UTF-8"):
        read_table(path)
    assert read_table(path, TableFormat(encoding="latin-1")).texts("text", "o")[1] == ROWS[1]["text"]


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    for name, content in (("a.csv", CSV), ("a.jsonl", json.dumps(ROWS[0]) + "\n")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content.encode())
        assert "text" in read_table(tmp_path / name).columns


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_row_numbers_of_pandas_are_not_a_column(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{name},x\n0,5\n1,7\n")
    with caplog.at_level(logging.WARNING):
        assert list(read_table(path).columns) == ["x"]
    assert "is not used" in caplog.text


def test_columns_that_nobody_asked_for_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user,item,tiem\na,b,1\n")
    table = read_table(path)
    table.texts("user", "o"), table.texts("item", "o")
    with caplog.at_level(logging.WARNING):
        table.report_unused()
    assert "columns that are not used: tiem" in caplog.text


def test_messages_name_file_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("age,time\n1,2020-01-01\nx,\n")
    table = read_table(path)
    with pytest.raises(UserError, match=r"a\.csv, line 3, column age: 'x' is not a finite number"):
        table.floats("age", "data.age")
    with pytest.raises(UserError, match=r"a\.csv, line 3, column time: the cell is empty"):
        table.times("time", "data.time")
    with pytest.raises(UserError, match=r"no column 'aeg'\. Did you mean 'age'\?.*data\.age_column=COLUMN"):
        table.column("aeg", "data.age_column")


def test_a_null_date_in_parquet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"time": pa.array([0, None], pa.timestamp("s"))}), path)
    with pytest.raises(UserError, match=r"row 2, column time: the cell is empty"):
        read_table(path).times("time", "o")


def test_a_list_is_not_learnt_as_its_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [["a", "b"], ["c"]]}), path)
    with pytest.raises(UserError, match="row 1, column text: expected a text, got a list"):
        read_table(path).texts("text", "o")


def test_half_a_surrogate_pair_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "good \\ud83d"}\n')
    assert next(iter(read_rows(path))).text("text", "o") == "good \ufffd"


def test_an_unknown_ending_is_reported_and_a_separator_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "u.data"
    path.write_text("1\t2\t5\n3\t4\t1\n")
    with pytest.raises(UserError, match=r"ends in none of \.csv"):
        read_table(path)
    table = read_table(path, TableFormat(delimiter="\t", header=False))
    assert np.array_equal(table.floats("2", "o"), [5, 1])


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(UserError, match="is empty; its first line names the columns"):
        read_table(tmp_path / "a.csv")

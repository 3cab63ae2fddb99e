"""A user's own interactions: each format gives the same histories; errors name file and row."""

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from suite.errors import UserError
from tasks.recommender.histories import Histories
from tests.presets import build_preset

ROWS = [("ann", "x", 3.0, 5), ("bob", "y", 1.0, 2), ("ann", "y", 2.0, 4), ("ann", "z", 1.0, 1), ("bob", "x", 4.0, 5)]


def read(path: Path, **options: Any) -> Histories:
    data = build_preset("recommender/own", path=path, **({"min_events": 1} | options))
    return data.reader.read(data.reader.resolve("data"))


def text(path: Path, first: str | None, mark: str = ",") -> Path:
    lines = [] if first is None else [first]
    path.write_text("\n".join([*lines, *(mark.join(map(str, row)) for row in ROWS)]) + "\n")
    return path


def test_all_formats_give_the_same_histories(tmp_path: Path) -> None:
    columns = {"user_column": 0, "item_column": 1, "time_column": 2, "rating_column": 3}
    names = dict(zip(("user", "item", "time", "rating"), zip(*ROWS, strict=True), strict=True))
    pyarrow.parquet.write_table(pyarrow.table({k: list(v) for k, v in names.items()}), tmp_path / "p.parquet")
    renamed = text(tmp_path / "own.csv", "who,what,when,stars")
    made = [
        read(text(tmp_path / "a.csv", "user_id,item_id,timestamp,rating")),
        read(text(tmp_path / "a.inter", "user_id:token\titem_id:token\ttimestamp:float\trating:float", "\t")),
        read(tmp_path / "p.parquet"),
        read(text(tmp_path / "bare.csv", None), header=False, **columns),
        read(text(tmp_path / "odd.dat", None, ";"), header=False, separator=";", **columns),
        read(renamed, user_column="who", item_column="what", time_column="when"),
    ]
    assert len({histories.content_hash() for histories in made}) == 1
    assert made[0].user_ids == ("ann", "bob")
    assert [made[0].item_ids[i - 1] for i in made[0].items] == ["z", "y", "x", "y", "x"]


def test_events_are_sorted_by_time_or_date_else_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("user,item,date\na,x,2024-03-01\na,y,2023-01-01T10:00:00\na,z,2025-01-01\n")
    assert [read(path).item_ids[i - 1] for i in read(path).items] == ["y", "x", "z"]
    path.write_text("user,item\na,x\na,y\na,x\n")
    assert [read(path).item_ids[i - 1] for i in read(path).items] == ["x", "y", "x"]


def test_removed_rows_are_counted(tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "user,item,time,rating")
    made = read(path, min_rating=2.0, min_events=2)
    assert made.dropped == {"low_ratings": 1, "outside_core": 0, "duplicates": 0}
    assert made.num_items == 2
    assert read(path, min_events=2).dropped["outside_core"] == 1
    with pytest.raises(UserError, match="No interaction is left"):
        read(path, min_events=4)


def test_titles_come_from_a_second_file(tmp_path: Path) -> None:
    titles = tmp_path / "t.csv"
    titles.write_text("item,title\nx,Ex\nz,Zed\n")
    assert read(text(tmp_path / "a.csv", "user,item,time,rating"), titles=str(titles)).titles == ("Ex", "y", "Zed")


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.csv", "", {}, "is empty"),
        ("a.csv", "user,item\n", {}, "has no interactions"),
        ("a.csv", "who,item\na,x\n", {}, "has no column 'user'.*data.user_column=NAME.*data.header=false"),
        ("a.csv", "1,2\n1,3\n", {}, "has no column 'user'"),
        ("a.csv", "user,item\na,x\n", {"item_column": "itm"}, "no column 'itm' .*Did you mean 'item'"),
        ("a.csv", "user,item\na,x\nb\n", {}, "line 3: 1 cells, and the first line has 2"),
        ("a.csv", "user,item\na,x\nb,\n", {}, "line 3, column item: no item"),
        (
            "a.csv",
            "user,item,time\na,x,1\nb,y,soon\n",
            {},
            "line 3, column time .*'soon' is not a finite number",
        ),
        ("a.csv", "user,item,time\na,x,1\nb,y,nan\n", {}, "line 3, column time"),
        ("a.csv", "user,item\na,x\n", {"min_rating": 3.0}, "needs ratings"),
        ("a.dat", "a x\n", {}, "ends in none of"),
        ("a.parquet", "text", {}, "cannot be read as parquet"),
        ("a.csv", "user,item\na,x\n", {"min_events": 0}, "min_events must be at least 1, got 0"),
    ],
)
def test_errors_name_file_row_and_column(
    name: str, content: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        read(tmp_path / name, **options)


def test_a_missing_file_and_a_wrong_encoding_raise_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.path: the file .*gone\.csv does not exist"):
        read(tmp_path / "gone.csv")
    (tmp_path / "latin.csv").write_bytes(b"user,item\na,\xe9\n")
    with pytest.raises(UserError, match="not valid UTF-8"):
        read(tmp_path / "latin.csv")
    titles = {"titles": tmp_path / "gone.csv"}
    with pytest.raises(UserError, match=r"data\.titles: the file .*gone\.csv does not exist"):
        read(text(tmp_path / "a.csv", "user,item,time,rating"), **titles)


def test_json_lines_and_quoted_cells_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"user": 1, "item": "x"}\n{"user": 1, "item": "y"}\n')
    (tmp_path / "a.csv").write_text('user,item\n1,"x"\n1,"y"\n')
    assert read(tmp_path / "a.jsonl").content_hash() == read(tmp_path / "a.csv").content_hash()

"""Predictions for histories of ids or titles: next items, attention, pictures, evaluation on a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import suite
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.run.launch import launch
from tests.cli.conftest import Attn, attn  # noqa: F401


@pytest.fixture(scope="module", params=["sasrec", "bert4rec", "din"])
def ckpt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp(request.param) / "run"
    overrides = ["task=recommender", f"model=recommender/{request.param}", "data=recommender/synthetic"]
    launch(compose([*overrides, "debug=one_pass", f"run_dir={run}"]))
    return run / "checkpoints" / "best.ckpt"


def lines(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_histories_of_ids_and_titles_give_the_same_answer(ckpt: Path, attn: Attn, tmp_path: Path) -> None:  # noqa: F811
    records = [
        {"user": 7, "history": ["3", "4", 6]},
        {"history": ["Item 3", "item 4 ", "Item 6"]},
        {"user": "new", "history": []},
        {"user": "odd", "history": ["nothing", "4"]},
        {"user": "long", "history": [str(n) for n in range(37)]},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(record) for record in records) + "\n")
    done = attn("predict", f"ckpt={ckpt}", "input=in.jsonl", "predict.top=4", "predict.attended=2")
    assert done.returncode == 0, done.stderr
    ids, titles, new, odd, long = lines(done.stdout)
    assert (ids["user"], len(ids["items"]), len(ids["attended"])) == ("7", 4, 2)
    assert ids["items"] == titles["items"]
    assert ids["attended"] == titles["attended"]
    assert not {item["item"] for item in ids["items"]} & {"3", "4", "6"}
    assert {event["item"] for event in ids["attended"]} <= {"3", "4", "6"}
    assert [item["score"] for item in ids["items"]] == sorted((i["score"] for i in ids["items"]), reverse=True)
    assert (new["cold"], new["attended"], len(new["items"])) == (True, [], 4)
    assert (odd["unknown"], odd["cold"]) == (["nothing"], False)
    assert long["items"] == []  # everything was met


def test_a_table_of_events_is_read_in_time_order(ckpt: Path, attn: Attn, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "in.csv").write_text("user,item,time\na,6,3\nb,5,1\na,3,1\na,4,2\n")
    (tmp_path / "in.jsonl").write_text('{"user": "a", "history": ["3", "4", "6"]}\n["5"]\n')
    table = attn("predict", f"ckpt={ckpt}", "input=in.csv", "output=out.jsonl")
    plain = attn("predict", f"ckpt={ckpt}", "input=in.jsonl")
    assert (table.returncode, plain.returncode) == (0, 0)
    first, second = lines((tmp_path / "out.jsonl").read_text())
    assert first == lines(plain.stdout)[0]
    assert second["items"] == lines(plain.stdout)[1]["items"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.jsonl", '{"history": ["3"]}\n{"history"\n', "line 2: not JSON"),
        ("in.jsonl", '{"user": 3}\n', "line 1: expected"),
        ("in.jsonl", '{"history": [["3"]]}\n', "line 1: expected"),
        ("in.csv", "who,item\na,3\n", "needs the columns user and item"),
        ("in.csv", "user,item\na,3\nb,\n", "line 3: no user or no item"),
        ("in.csv", "user,item,time\na,3,late\n", "line 2, column time: 'late' is not a number"),
        ("in.txt", "3", "must end in .jsonl, .csv"),
    ],
)
def test_a_file_that_cannot_be_used_raises_an_error(
    ckpt: Path,
    attn: Attn,  # noqa: F811
    tmp_path: Path,
    name: str,
    content: str,
    message: str,
) -> None:
    (tmp_path / name).write_text(content)
    done = attn("predict", f"ckpt={ckpt}", f"input={name}")
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_a_page_shows_the_best_items_and_the_attention_between_events(ckpt: Path, attn: Attn, tmp_path: Path) -> None:  # noqa: F811
    records = [{"user": "<7>", "history": ["3", "4", 6]}, {"history": []}]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(record) for record in records) + "\n")
    done = attn("predict", f"ckpt={ckpt}", "input=in.jsonl", "draw=pages", "predict.top=4")
    assert done.returncode == 0, done.stderr
    page = "".join(path.read_text() for path in (tmp_path / "pages").glob("*.html"))
    assert "&lt;7&gt;" in page
    assert page.count("<li>") == 8
    assert all(title in page for title in ("Item 3", "Item 4", "Item 6"))
    assert page.count("<td title=") in (9, 3)  # events by events, or the answer by events
    assert "in the order of their popularity" in page


def test_the_python_interface_gives_answers_weights_and_pictures(ckpt: Path) -> None:
    model = suite.load(ckpt)
    records = [["3", "4", "6"], {"user": "a", "history": ["Item 5"]}, []]
    answers = model.predict(records)
    assert [answer["user"] for answer in answers] == [None, "a", None]
    weights = model.attention(records)
    assert weights[0]["answer"].axes[0].labels == ("Item 3", "Item 4", "Item 6")
    top = weights[0]["answer"].top(1)[0]
    assert (top[0], pytest.approx(top[1])) == (answers[0]["attended"][0]["title"], answers[0]["attended"][0]["weight"])
    for name, layer in weights[0].items():
        if name != "answer":
            assert layer.weights.shape[1:] == (3, 3)
            np.testing.assert_allclose(layer.weights.sum(-1), 1, rtol=1e-5)
    assert weights[2]["answer"].weights.shape == (0,)
    assert [picture.name for picture in model.draw(records)] == ["history", "a", "history"]
    with pytest.raises(UserError, match="expected .*history"):
        model.predict([{"user": 3}])
    with pytest.raises(UserError, match="predict.top must be at least 1, got 0"):
        suite.load(ckpt, "predict.top=0").predict(records)


def test_histories_of_a_file_are_evaluated(ckpt: Path, tmp_path: Path) -> None:
    model = suite.load(ckpt)
    histories = model.data.histories
    ids = np.array(histories.item_ids)[histories.items - 1]
    rows = [ids[first:last].tolist() for first, last in zip(histories.offsets[:-1], histories.offsets[1:], strict=True)]
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows if len(row) > 2))
    if "din" in str(ckpt):
        with pytest.raises(UserError, match="predicts likes cannot be evaluated"):
            model.evaluate(path)
        return
    found, wanted = model.evaluate(path), model.evaluate("test")
    assert found["hr@10"] == pytest.approx(wanted["test/hr@10"])
    assert found["ndcg@10"] == pytest.approx(wanted["test/ndcg@10"])
    path.write_text('["3"]\n')
    with pytest.raises(UserError, match="no history has two known events"):
        model.evaluate(path)

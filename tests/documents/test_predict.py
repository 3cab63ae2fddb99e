"""Predictions for texts, by the command and in Python."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import suite
from suite.config.compose import compose
from suite.training.run.launch import launch
from tests.cli.conftest import Attn

SYNTHETIC = ["task=documents", "data=documents/synthetic"]
TEXTS = ["The plot was superb. Its cast was odd.", "", "Awful!"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("documents") / "run"
    launch(compose([*SYNTHETIC, "debug=short", f"run_dir={run}"]))
    return run / "checkpoints/best.ckpt"


def test_an_answer_has_label_probabilities_and_attended_words(
    checkpoint: Path,
    attn: Attn,
    tmp_path: Path,
) -> None:
    (tmp_path / "texts.txt").write_text("The plot was superb. Its cast was odd.\n\na line with \x85 inside\n")
    done = attn("predict", f"ckpt={checkpoint}", "input=texts.txt", "predict.top_words=2")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert [record["text"] for record in records] == (tmp_path / "texts.txt").read_text().split("\n")[:3]
    for record in records:
        assert sum(record["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        assert record["label"] == max(record["probabilities"], key=record["probabilities"].__getitem__)
    assert records[1]["attended"] == []
    weights = [sentence["weight"] for sentence in records[0]["attended"]]
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) == pytest.approx(1.0, abs=1e-5)
    assert all(len(sentence["words"]) == 2 for sentence in records[0]["attended"])


def test_tables_are_read_and_written(checkpoint: Path, attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,review\n1,"awful, awful\nfilm"\n2,\n')
    done = attn("predict", f"ckpt={checkpoint}", "input=in.csv", "output=out.csv", "predict.text_column=review")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == ["awful, awful\nfilm", ""]
    assert set(json.loads(rows[0]["probabilities"])) == {"class 0", "class 1", "class 2"}


def test_a_picture_shows_each_text_with_shaded_words(checkpoint: Path, attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("The plot was <b>superb</b>. Its cast was odd.\n\n")
    done = attn("predict", f"ckpt={checkpoint}", "input=texts.txt", "draw=pages")
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "pages").glob("*.html"))
    assert [page.name for page in pages] == ["The-plot-was-b-superb-b-.-Its-cast-was.html", "empty-text.html"]
    page = "".join(page.read_text().partition("<body>")[2] for page in pages)
    assert all(f">{word}<" in page for word in ("plot", "superb", "cast", "odd"))
    assert page.count("class ") == 2  # the labels
    assert page.count("rgba(") >= 8
    assert "<b>superb" not in page


def test_the_answer_for_a_long_text_states_how_much_was_read(
    checkpoint: Path,
    attn: Attn,
    tmp_path: Path,
) -> None:
    (tmp_path / "long.txt").write_text("awful " * 100_000)
    done = attn("predict", f"ckpt={checkpoint}", "input=long.txt")
    assert json.loads(done.stdout)["read_words"] == 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["input=missing.txt"], "input=missing.txt does not exist"),
        (["input=latin.txt"], "latin.txt, line 2: not valid UTF-8"),
        (["input=in.jsonl"], "in.jsonl, line 1: there is no column 'text'. Did you mean 'texts'"),
        (["input=latin.txt", "output=out.xls"], "must end in .jsonl or .csv"),
        (["input=fine.txt", "predict.top_words=0"], "predict.top_words must be at least 1"),
        (["input=fine.txt", "predict.top_wards=1"], "Did you mean 'top_words'"),
        (["input=fine.txt", "output=missing/out.csv"], "cannot be written"),
        ([], "needs ckpt=PATH and input=PATH"),
    ],
)
def test_wrong_input_is_reported_in_a_sentence(
    arguments: list[str],
    message: str,
    checkpoint: Path,
    attn: Attn,
    tmp_path: Path,
) -> None:
    (tmp_path / "latin.txt").write_bytes(b"fine\ncaf\xe9\n")
    (tmp_path / "fine.txt").write_text("fine")
    (tmp_path / "in.jsonl").write_text('{"texts": "a"}\n')
    done = attn("predict", f"ckpt={checkpoint}", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out.*"))


def test_a_model_in_python_answers_as_the_command_does(checkpoint: Path, attn: Attn, tmp_path: Path) -> None:
    model = suite.load(checkpoint)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    done = attn("predict", f"ckpt={checkpoint}", "input=texts.txt")
    expected = [json.loads(line) for line in done.stdout.splitlines()]
    assert model.predict(TEXTS) == model.predict(tmp_path / "texts.txt") == expected
    assert model.predict([{"text": text, "id": 3} for text in TEXTS]) == expected
    one_by_one = suite.load(checkpoint, "predict.batch_size=1").predict(TEXTS)
    assert [answer["label"] for answer in one_by_one] == [answer["label"] for answer in expected]


@pytest.mark.parametrize(
    ("record", "message"),
    [(3, "must be a text or a dict with a text, got int"), ({"body": "x"}, "no column 'text', only body")],
)
def test_a_record_of_another_type_raises(record: object, message: str, checkpoint: Path) -> None:
    with pytest.raises(suite.UserError, match=message):
        suite.load(checkpoint).predict([record])


def test_attention_has_words_and_sentences(checkpoint: Path) -> None:
    found = suite.load(checkpoint).attention(TEXTS)
    assert [set(one) for one in found] == [{"words", "sentences"}] * 3
    words, sentences = found[0]["words"], found[0]["sentences"]
    assert [axis.kind for axis in words.axes] == ["heads", "tokens"]
    assert words.axes[1].labels == ("the", "plot", "was", "superb", ".", "its", "cast", "was", "odd", ".")
    assert words.axes[1].segments == (5, 5)
    assert sentences.axes[1].labels == ("the plot was superb .", "its cast was odd .")
    np.testing.assert_allclose(words.weights.reshape(1, 2, 5).sum(-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(sentences.weights.sum(-1), 1.0, rtol=1e-5)
    assert found[1]["words"].weights.shape == (1, 0)


def test_a_network_without_sentences_has_words_only(tmp_path: Path) -> None:
    run = launch(compose([*SYNTHETIC, "model=documents/lstm", "debug=one_pass", f"run_dir={tmp_path / 'run'}"]))
    model = suite.load(run)
    (found,) = model.attention(TEXTS[:1])
    assert found.keys() == {"words"}
    assert found["words"].axes[1].segments == ()
    np.testing.assert_array_equal(found["words"].weights, np.eye(1, 10, 9))
    assert [sentence["weight"] for sentence in model.predict(TEXTS[:1])[0]["attended"]] == [1.0, 1.0]
    assert len(model.draw(TEXTS)) == 3


def test_a_labelled_table_is_evaluated(checkpoint: Path, tmp_path: Path) -> None:
    model = suite.load(checkpoint)
    answers = model.predict(TEXTS)
    rows = "".join(f'"{answer["text"]}",{answer["label"]}\n' for answer in answers)
    (tmp_path / "own.csv").write_text("text,label\n" + rows)
    assert model.evaluate(str(tmp_path / "own.csv"))["accuracy"] == 1.0
    small = suite.load(checkpoint, "predict.batch_size=2").evaluate(str(tmp_path / "own.csv"))
    assert small == pytest.approx(model.evaluate(str(tmp_path / "own.csv")))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("own.csv", "text,label\nx,other\n", "line 2: the label 'other' is not a class of the model: class 0, class 1"),
        ("own.csv", "text,label\n", "contains no rows"),
        ("own.txt", "x\n", "must be a table with labels: .csv"),
    ],
)
def test_a_wrong_labelled_file_raises(name: str, content: str, message: str, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(suite.UserError, match=message):
        suite.load(checkpoint).evaluate(tmp_path / name)

"""The documents task keeps the contract, learns, and predicts."""

import csv
import json
from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.testing import TaskContract
from suite.training.run.launch import launch
from tasks.documents.batch import Batches
from tasks.documents.data import SyntheticData
from tests.cli.conftest import Attn

SYNTHETIC = ["task=documents", "data=documents/synthetic"]


class TestHan(TaskContract):
    overrides = [*SYNTHETIC]


class TestEvidence(TaskContract):
    overrides = [*SYNTHETIC, "model=documents/evidence", "model.max_ngrams=2000"]


def test_it_learns_the_telling_words(tmp_path: Path) -> None:
    more = ["data.num_documents=203", "trainer.max_epochs=6", "model=documents/evidence", "model.max_ngrams=2000"]
    run = launch(compose([*SYNTHETIC, *more, "optim.lr=1e-2", f"run_dir={tmp_path / 'run'}"]))
    assert json.loads((run / "result.json").read_text())["test/accuracy"] > 0.9


def test_batches_hold_every_document_once_in_like_lengths_and_the_seed_decides() -> None:
    data = SyntheticData(num_documents=211)
    documents = data.documents
    chosen = data.parts.train
    loader = Batches(documents, chosen, batch_size=8, training=True, window=4)
    epochs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        epochs.append([batch.words.tolist() for batch in loader])
    assert epochs[0] == epochs[1] != epochs[2]
    torch.manual_seed(1)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert sum(map(len, batches)) == len(chosen)
    assert sum(len(batch.words) for batch in batches) == documents.lengths[chosen].sum()
    spread = [batch.documents.lengths.float().std() for batch in batches if len(batch) > 1]
    everything = torch.from_numpy(documents.documents).diff()[torch.from_numpy(chosen)].float().std()
    assert sum(spread) / len(spread) < everything


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("documents") / "run"
    launch(compose([*SYNTHETIC, "debug=short", f"run_dir={run}"]))
    return run / "checkpoints/best.ckpt"


def test_predict_tells_label_probabilities_and_what_was_attended(
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


def test_predict_reads_tables_and_writes_tables(checkpoint: Path, attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,review\n1,"awful, awful\nfilm"\n2,\n')
    done = attn("predict", f"ckpt={checkpoint}", "input=in.csv", "output=out.csv", "predict.text_column=review")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == ["awful, awful\nfilm", ""]
    assert set(json.loads(rows[0]["probabilities"])) == {"class 0", "class 1", "class 2"}


def test_a_page_shows_every_text_whole_and_shaded(checkpoint: Path, attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("The plot was <b>superb</b>. Its cast was odd.\n\n")
    done = attn("predict", f"ckpt={checkpoint}", "input=texts.txt", "draw=pages")
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "pages").glob("*.html"))
    assert [page.name for page in pages] == ["text-1.html", "text-2.html"]
    page = "".join(page.read_text() for page in pages)
    assert all(f">{word}<" in page for word in ("plot", "superb", "cast", "odd"))
    assert page.count("class ") == 2  # the labels
    assert page.count("rgba(") >= 8
    assert "<b>superb" not in page


def test_a_document_of_100000_words_is_read_in_part_and_says_so(
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
def test_predict_refuses_in_a_sentence(
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

"""A checkpoint recognises its data: what was trained on is never tested, whatever happens to the files."""

import csv
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import yaml
from PIL import Image

import suite
from suite.errors import UserError
from suite.training.state import checkpoint_file

Table = list[dict[str, str]]


def write(path: Path, table: Table) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


class Data(NamedTuple):
    """A user's data: ``table`` has one row for each sample, ``write`` makes the files, ``words`` train on them."""

    table: Table
    write: Callable[[Path, Table], None]
    words: list[str]  # with {folder}
    altered: dict[str, str]  # cells of a sample that change without its name


def documents() -> Data:
    table = [{"text": f"word{n % 7} {('good', 'bad')[n % 2]} text {n}", "label": "pn"[n % 2]} for n in range(60)]
    words = [
        "task=documents",
        "data=documents/csv",
        "data.path={folder}/a.csv",
        "model.embed_dim=8",
        "trainer.max_steps=3",
    ]
    return Data(table, lambda folder, rows: write(folder / "a.csv", rows), words, {"label": "p"})


def graph() -> Data:
    random = np.random.default_rng(0)
    table = [
        {"id": f"n{n}", "label": "abc"[n % 3], **{f"x{k}": f"{random.random():.3f}" for k in range(4)}}
        for n in range(60)
    ]

    def make(folder: Path, rows: Table) -> None:
        write(folder / "nodes.csv", rows)
        names = {row["id"] for row in rows}
        ring = [(f"n{n}", f"n{(n + 3) % 60}") for n in range(60)]
        write(folder / "edges.csv", [{"source": a, "target": b} for a, b in ring if {a, b} <= names])

    words = [
        "task=graph",
        "data=graph/csv",
        "data.nodes={folder}/nodes.csv",
        "data.edges={folder}/edges.csv",
        "trainer.max_steps=5",
    ]
    return Data(table, make, words, {"x0": "9.5"})


def recommender() -> Data:
    table = [{"user": f"u{n}", "items": " ".join(f"i{(n + 5 * k) % 23}" for k in range(6))} for n in range(40)]

    def make(folder: Path, rows: Table) -> None:
        events = [
            {"user": row["user"], "item": item, "time": str(time)}
            for row in rows
            for time, item in enumerate(row["items"].split())
        ]
        write(folder / "a.csv", events)

    words = [
        "task=recommender",
        "data=recommender/own",
        "data.path={folder}/a.csv",
        "data.min_events=1",
        "trainer.max_steps=3",
    ]
    return Data(table, make, words, {"items": "i3 i8 i13"})


def speech() -> Data:
    table = [{"name": f"s{n % 8}-{n}", "text": "ba di"[: 2 + 3 * (n % 2)], "seed": str(n)} for n in range(24)]

    def make(folder: Path, rows: Table) -> None:
        lines = []
        for row in rows:
            samples = np.random.default_rng(int(row["seed"])).normal(scale=0.1, size=8000)
            soundfile.write(folder / f"{row['name']}.wav", samples, 8000)
            line = {"audio": f"{row['name']}.wav", "text": row["text"], "speaker": row["name"].split("-")[0]}
            lines.append(json.dumps(line))
        (folder / "a.jsonl").write_text("\n".join(lines) + "\n")

    words = [
        "task=speech",
        "data=speech/manifest",
        "data.path={folder}/a.jsonl",
        "data.val_fraction=0.2",
        "data.test_fraction=0.3",
        "model=speech/lstm_attention",
        "module.search.beam=2",
        "trainer.max_steps=2",
    ]
    return Data(table, make, words, {"text": "di"})


def oct() -> Data:
    table = [{"class": ("CNV", "DME")[n % 2], "name": f"{n:03d}", "seed": str(n)} for n in range(40)]

    def make(folder: Path, rows: Table) -> None:
        for path in folder.rglob("*.png"):
            path.unlink()
        for row in rows:
            pixels = np.random.default_rng(int(row["seed"])).integers(0, 255, (24, 32), dtype=np.uint8)
            (folder / "set" / row["class"]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / "set" / row["class"] / f"{row['name']}.png")

    words = [
        "task=oct",
        "data=oct/folder",
        "data.path={folder}/set",
        "data.height=24",
        "data.width=32",
        "trainer.max_steps=2",
    ]
    return Data(table, make, words, {"seed": "777"})


MAKERS = {"documents": documents, "graph": graph, "recommender": recommender, "speech": speech, "oct": oct}


class Trained(NamedTuple):
    """Data with a run that was trained on them."""

    data: Data
    folder: Path
    run: suite.Run


@pytest.fixture(scope="module", params=list(MAKERS))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp(request.param)
    data = MAKERS[request.param]()
    data.write(folder, data.table)
    common = [f"data.dir={folder}", "threads=1", f"run_dir={folder / 'run'}", "trainer=cpu"]
    return Trained(data, folder, suite.train(*(word.format(folder=folder) for word in data.words), *common))


@pytest.fixture(autouse=True)
def restored(trained: Trained) -> Any:
    yield
    trained.data.write(trained.folder, trained.data.table)


def test_equal_data_give_the_recorded_metrics(trained: Trained) -> None:
    metrics = suite.evaluate(trained.run.best, "test")
    assert metrics == {name: trained.run.metrics[name] for name in metrics}


def new_sample(row: dict[str, str]) -> dict[str, str]:
    """A sample that the run does not know, with the values of a known one where names allow it."""
    names = {"id": "new", "user": "new", "name": "new-1" if "text" in row else "new"}
    changed = {key: names[key] for key in row if key in names}
    return {**row, **(changed or {"text": "a new text"}), **({"seed": "555"} if "seed" in row else {})}


@pytest.mark.parametrize("kind", ["added", "removed", "altered", "order"])
def test_changed_data_are_an_error_that_says_what_changed(trained: Trained, kind: str) -> None:
    table = list(trained.data.table)
    if kind == "added":
        table.insert(7, new_sample(table[3]))
    elif kind == "removed":
        del table[3]
    elif kind == "altered":
        table[5] = {**table[5], **trained.data.altered}
    else:
        table.reverse()
    trained.data.write(trained.folder, table)
    sorted_by_name = "user" in table[0] or "class" in table[0]  # these files are read in the order of names
    if kind == "order" and sorted_by_name:
        assert suite.evaluate(trained.run.best, "val") == pytest.approx(
            {name: value for name, value in trained.run.metrics.items() if name.startswith("val/")}
        )
        return
    expected = "the order of the samples changed" if kind == "order" else f"1 sample {kind}"
    with pytest.raises(UserError, match=expected):
        suite.evaluate(trained.run.best, "test")


def test_allowed_changes_keep_every_sample_in_its_split(trained: Trained, caplog: pytest.LogCaptureFixture) -> None:
    before = suite.load(trained.run.best)
    splits_before = memberships(before)
    table = [new_sample(trained.data.table[3]), *trained.data.table]
    trained.data.write(trained.folder, table)
    model = suite.load(trained.run.best, allow_changes=True)
    with caplog.at_level(logging.WARNING):
        splits = memberships(model)
    assert "1 sample added" in caplog.text
    assert {name: split for name, split in splits.items() if split} == splits_before
    if "id" not in table[0]:  # a new node changes its neighbours too
        metrics = model.evaluate("test")
        assert metrics == pytest.approx({name: trained.run.metrics[name] for name in metrics}, abs=1e-6)


def memberships(model: suite.Model) -> dict[int, int]:
    """The splits of each sample by its name."""
    record = model.data.samples
    return dict(zip(record.names.tolist(), record.memberships.tolist(), strict=True))


def unfinished(trained: Trained, folder: Path) -> Path:
    """A copy of the run as if it had been killed after its last checkpoint."""
    copy = folder / "run"
    shutil.copytree(trained.run.dir, copy)
    (copy / "result.json").unlink()
    return copy


def test_a_run_does_not_resume_on_changed_data_unless_allowed(trained: Trained, tmp_path: Path) -> None:
    run_dir = unfinished(trained, tmp_path)
    trained.data.write(trained.folder, [*trained.data.table, new_sample(trained.data.table[3])])
    more = {"trainer": {"max_steps": 6}}
    with pytest.raises(UserError, match="other data or another config: data: 1 sample added"):
        suite.train(f"resume={run_dir}", **more)
    assert not (run_dir / "result.json").exists()
    run = suite.train(f"resume={run_dir}", allow_changes=True, **more)
    assert "1 sample added" in run.result["changes"]
    provenance = json.loads((run_dir / "provenance.json").read_text())
    assert provenance["resumed"][0]["data"]["content_hash"] != provenance["data"]["content_hash"]


def test_an_edited_config_is_not_followed_in_silence(trained: Trained, tmp_path: Path) -> None:
    run_dir = unfinished(trained, tmp_path)
    text = (run_dir / "config.yaml").read_text()
    rate = yaml.safe_load(text)["optim"]["lr"]
    (run_dir / "config.yaml").write_text(text.replace(f"lr: {rate}", "lr: 0.123"))
    with pytest.raises(UserError, match=f"optim.lr is 0.123 here and {rate} in the checkpoint"):
        suite.train(f"resume={run_dir}")
    run = suite.train(f"resume={run_dir}", allow_changes=True, trainer={"max_steps": 6})
    assert "optim.lr is 0.123 here" in run.result["changes"]


@pytest.mark.parametrize("damage", ["missing", "text", "shape", "type"])
def test_a_damaged_record_is_a_message(trained: Trained, damage: str, tmp_path: Path) -> None:
    content = checkpoint_file.load(trained.run.best)
    if damage == "missing":
        del content["samples"]["names"]
    elif damage == "text":
        content["samples"] = "no record"
    elif damage == "shape":
        content["samples"]["memberships"] = content["samples"]["memberships"][:-1]
    else:
        content["samples"]["contents"] = content["samples"]["contents"].float()
    checkpoint_file.save(tmp_path / "best.ckpt", content)
    with pytest.raises(UserError, match="its record of samples is damaged"):
        suite.load(tmp_path / "best.ckpt")

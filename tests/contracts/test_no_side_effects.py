"""Measuring and applying a checkpoint opens no address, starts no process, and writes nothing but the output."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import suite
from suite.training.state import checkpoint_file

ROOT = Path(__file__).parents[2]
TASKS = [
    "documents",
    "graph",
    *(pytest.param(task, marks=pytest.mark.slow) for task in ("recommender", "oct", "speech")),
]


def watched(*words: str) -> tuple[int, str, list[str]]:
    """Run a command; return its exit code, what it printed, and its effects."""
    folder = Path(words[-1])
    report = folder / "effects.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "tests.contracts.watched", str(report), *words[:-1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    return done.returncode, done.stdout + done.stderr, json.loads(report.read_text()) if report.exists() else ["none"]


@pytest.fixture(scope="module", params=TASKS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> suite.Run:
    task = request.param
    folder = tmp_path_factory.mktemp(task)
    words = [f"task={task}", f"data={task}/synthetic", "debug=one_pass"]
    return suite.train(*words, run_dir=folder / "run", data={"dir": folder / "data"})


def own_records(task: str, folder: Path) -> Path:
    """A file or folder that the predictor of a task reads."""
    folder.mkdir()
    texts = {
        "documents": ("texts.jsonl", '{"text": "one two. three ???"}\n{"text": ""}\n'),
        "graph": ("nodes.csv", "id\n0\n3\n"),
        "recommender": ("histories.jsonl", '{"user": "7", "history": ["1", "2"]}\n'),
    }
    if task in texts:
        name, content = texts[task]
        (folder / name).write_text(content)
        return folder / name
    if task == "oct":
        Image.fromarray(np.arange(48 * 80, dtype=np.uint8).reshape(48, 80)).save(folder / "a.png")
        return folder
    soundfile.write(folder / "a.wav", 0.1 * np.sin(np.arange(16000) / 20), 16000)
    return folder


def test_an_honest_checkpoint(run: suite.Run, tmp_path: Path) -> None:
    code, printed, effects = watched("eval", f"ckpt={run.best}", str(tmp_path))
    assert (code, effects) == (0, []), printed
    records = own_records(run.config["task_name"], tmp_path / "own")
    output, pictures = tmp_path / "answers.jsonl", tmp_path / "pictures"
    words = ["predict", f"ckpt={run.best}", f"input={records}", f"output={output}", f"draw={pictures}"]
    code, printed, effects = watched(*words, str(tmp_path))
    assert code == 0, printed
    assert output.read_text()
    others = [one for one in effects if not one.startswith((f"write {output.parent}/answers", f"write {pictures}"))]
    assert [one for one in others if not one.startswith(f"write {tmp_path}/.answers")] == []


Change = Callable[[dict[str, Any], Path], None]


def _source(config: dict[str, Any], folder: Path) -> None:
    """Data of a preset that are not on this machine."""
    config["data"] = suite.compose("task=graph", "data=graph/cora", data={"dir": folder / "elsewhere"})["data"]


def _other_source(config: dict[str, Any], folder: Path) -> None:
    _source(config, folder)
    config["data"]["source"]["url"] = "http://127.0.0.1:9/{file}"


def _compiled(config: dict[str, Any], folder: Path) -> None:
    config["model"]["attention"]["implementation"] = "compiled"


def _trainer(config: dict[str, Any], folder: Path) -> None:
    config["trainer"] |= {"profiler": "pytorch", "default_root_dir": str(folder / "elsewhere"), "logger": True}


def _callbacks(config: dict[str, Any], folder: Path) -> None:
    saver = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": str(folder / "elsewhere")}
    config["callbacks"] = {"saver": saver}


def _trainer_callbacks(config: dict[str, Any], folder: Path) -> None:
    saver = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": str(folder / "elsewhere")}
    config["trainer"]["callbacks"] = [saver]


def _spoken(config: dict[str, Any], folder: Path) -> None:
    config["data"] = suite.compose("task=speech", "data=speech/synthetic_digits", data={"dir": folder / "none"})["data"]


def _device(config: dict[str, Any], folder: Path) -> None:
    config["data"] = suite.compose("task=graph", "data=graph/npz", data={"path": "/dev/zero"})["data"]


PAYLOADS: list[tuple[Change, int, str]] = [
    (_source, 2, "attn data get"),
    (_other_source, 2, "no preset states"),
    (_compiled, 2, "not built on this machine"),
    (_trainer, 0, "test/accuracy"),
    (_callbacks, 2, "ModelCheckpoint is not a class"),
    (_trainer_callbacks, 2, "ModelCheckpoint is not a class"),
    (_spoken, 2, "espeak-ng"),
    (_device, 2, "/dev/zero"),
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> suite.Run:
    folder = tmp_path_factory.mktemp("graph")
    return suite.train("task=graph", "data=graph/synthetic", "debug=one_pass", run_dir=folder / "run")


@pytest.mark.parametrize(("change", "expected", "words"), PAYLOADS, ids=lambda value: getattr(value, "__name__", None))
def test_a_checkpoint_that_asks_for_an_effect(
    change: Change, expected: int, words: str, graph: suite.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))
    content = checkpoint_file.load(graph.best)
    change(content["config"], tmp_path)
    path = tmp_path / "changed.ckpt"
    checkpoint_file.save(path, content)
    code, printed, effects = watched("eval", f"ckpt={path}", str(tmp_path))
    assert (code, effects) == (expected, []), printed
    assert words in " ".join(printed.split())
    assert "Traceback" not in printed
    assert sorted(found.name for found in tmp_path.iterdir()) == ["changed.ckpt", "effects.json"]

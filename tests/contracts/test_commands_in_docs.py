"""Every command that the documents show is run, and every file that they name exists."""

import io
import re
import shlex
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Attn

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("tasks/*/README.md"), *ROOT.glob("docs/*.md")])


def shown(document: Path) -> list[str]:
    """Lines of its shell blocks, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", document.read_text(), flags=re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def task_of(document: Path) -> str:
    """The task whose run the commands of the document use; empty for a document about all tasks."""
    return document.parent.name if document.parent.parent.name == "tasks" else ""


COMMANDS = sorted({line for document in DOCUMENTS for line in shown(document)})
ATTN = sorted({(task_of(document), line) for document in DOCUMENTS for line in shown(document) if "attn " in line})
ATTN = [(task, line) for task, line in ATTN if re.match(r"attn |echo .* \| attn ", line)]


def files_of_a_user(folder: Path) -> None:
    """A graph of a user's own in both forms, events of users, scans and recordings."""
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 30, (2, 60))
    labels = np.arange(30) % 3
    np.savez(folder / "my.npz", x=rng.random((30, 4)), edge_index=edges, y=labels)
    rows = [f"n{node},{labels[node]},{node % 2},{node % 5}" for node in range(30)]
    (folder / "nodes.csv").write_text("\n".join(["id,label,a,b", *rows]))
    (folder / "FILE").write_text("A text.\n")
    (folder / "histories.jsonl").write_text('{"user": "7", "history": ["1", "2"]}\n')
    events = [f"u{user},i{(3 * user + event) % 11},{event}" for user in range(9) for event in range(6)]
    (folder / "events.csv").write_text("\n".join(["user,item,time", *events]))
    for number in range(24):
        picture = rng.integers(0, 256, (20, 30), dtype=np.uint8)
        (folder / "scans" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / "scans" / "ab"[number % 2] / f"{number}.png")
    for path in (folder / "a.wav", folder / "DIR" / "b.wav"):
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(rng.integers(-999, 999, 4000, dtype=np.int16).tobytes())
    (folder / "edges.csv").write_text("\n".join(["source,target", *(f"n{a},n{b}" for a, b in edges.T)]))


def marked(task: str, line: str) -> Any:
    """A parameter; those that read and validate a large set whole are slow."""
    large = any(name in line for name in ("speech/an4", "speech/fsdd data.digits", "recommender/ml-1m"))
    return pytest.param(task, line, marks=pytest.mark.slow) if large else pytest.param(task, line)


@pytest.mark.parametrize(("task", "line"), [marked(*pair) for pair in ATTN])
def test_every_attn_command_works_as_shown(
    task: str,
    line: str,
    attn: Attn,
    tmp_path: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files_of_a_user(tmp_path)
    echo, _, command = line.rpartition(" | ")
    typed = " ".join(shlex.split(echo)[1:]) + "\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
    words = shlex.split(re.sub(r"range\(\d+\)", "range(2)", command))[1:]  # a sweep's first two runs
    if words[0] == "train" and not any(word.startswith("-") and word != "-m" for word in words):
        words += ["debug=one_pass"]
    if words[0] == "find":
        words += ["steps=10"] if words[1] == "lr" else ["steps=1", "memory=1"]  # else it fills half of what is free
    if words[0] in ("eval", "predict"):
        task = task or ("documents" if words[0] == "predict" else "graph")
        own = ["data=graph/csv", "data.nodes=nodes.csv", "data.edges=edges.csv"]  # the nodes that a file names
        data = own if task == "graph" and words[0] == "predict" else [f"data={task}/synthetic"]
        assert attn("train", f"task={task}", *data, "debug=one_pass", "run_dir=RUN").returncode == 0
    done = attn(*words, SUITE_DATA_DIR=str(data_dir))
    assert done.returncode == 0, done.stderr


def test_make_targets_that_are_shown_exist() -> None:
    targets = {line.split()[1] for line in COMMANDS if line.startswith("make ")}
    assert {"train", "test"} <= targets
    for target in targets:
        planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert planned
    assert (
        "attn train task=graph"
        in subprocess.run(["make", "-n", "train"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    )


@pytest.mark.slow
def test_the_steps_without_make_work_from_a_clean_copy(tmp_path: Path, data_dir: Path) -> None:
    """Follows the README in an empty environment; takes minutes."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True)
    steps = [line for line in shown(ROOT / "README.md") if line.startswith(("python3", ".venv"))]
    assert len(steps) == 3
    for step in steps:
        words = [sys.executable if word == "python3" else word for word in shlex.split(step)]
        subprocess.run(words, cwd=tmp_path / "clone", check=True)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_linked_file_exists(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing

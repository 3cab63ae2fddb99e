"""Every command that the documents show is run, and every file that they name exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Attn, attn  # noqa: F401

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("tasks/*/README.md"), *ROOT.glob("docs/*.md")])


def shown(document: Path) -> list[str]:
    """Lines of its shell blocks, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", document.read_text(), flags=re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


COMMANDS = sorted({line for document in DOCUMENTS for line in shown(document)})
ATTN = [line for line in COMMANDS if line.startswith("attn ")]


def files_of_a_user(folder: Path) -> None:
    """A graph of a user's own, in both forms, and a table of events."""
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 30, (2, 60))
    labels = np.arange(30) % 3
    np.savez(folder / "my.npz", x=rng.random((30, 4)), edge_index=edges, y=labels)
    rows = [f"n{node},{labels[node]},{node % 2},{node % 5}" for node in range(30)]
    (folder / "nodes.csv").write_text("\n".join(["id,label,a,b", *rows]))
    (folder / "edges.csv").write_text("\n".join(["source,target", *(f"n{a},n{b}" for a, b in edges.T)]))
    (folder / "events.csv").write_text("\n".join(["user,item", *(f"u{n // 6},i{n * n % 7}" for n in range(60))]))


@pytest.mark.parametrize("line", ATTN)
def test_every_attn_command_works_as_shown(line: str, attn: Attn, tmp_path: Path, data_dir: Path) -> None:  # noqa: F811
    files_of_a_user(tmp_path)
    words = shlex.split(line)[1:]
    if words[0] == "train" and not any(word.startswith("-") and word != "-m" for word in words):
        words += ["debug=one_pass"]
    if "eval" in words:
        assert attn("train", "task=graph", "data=graph/synthetic", "debug=one_pass", "run_dir=RUN").returncode == 0
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
    """An empty environment, the index, and the README: minutes, so not by default."""
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

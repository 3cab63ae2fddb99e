"""A stand-in for ``attn train`` in trials: it starts at once and writes what a run writes."""

import csv
import sys
from pathlib import Path

import pytest

from suite.sweep import trial

STAND_IN = """
import json, os, pathlib, signal, sys, time
words = dict(word.split("=", 1) for word in sys.argv[2:])
lr, run = float(words["optim.lr"]), pathlib.Path(words["run_dir"])
if words.get("model.num_heads") == "3":
    sys.exit(print("attn: model: three heads is one too many", file=sys.stderr) or 2)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
run.mkdir(parents=True, exist_ok=True)
labels = [os.environ.get("CUDA_VISIBLE_DEVICES", "-"), os.environ["WANDB_RUN_GROUP"]]
(run / "starts").open("a").write(" ".join(labels) + "\\n")
with (run / "metrics.csv").open("w") as file:
    file.write("step,val/accuracy\\n")
    for step in range(int(words.get("+steps", "2"))):
        file.write(f"{step},{1 - abs(lr - 0.3)}\\n")
        file.flush()
        time.sleep(float(words.get("+pause", "0")))
(run / "result.json").write_text(json.dumps({"val/accuracy": 1 - abs(lr - 0.3)}))
"""

BASE = ["sweep", "task=graph", "data=graph/synthetic"]


def table(folder: str = "s") -> list[dict[str, str]]:
    """The rows of ``sweep.csv``."""
    with Path(folder, "sweep.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setattr(trial, "ATTN", [sys.executable, "-S", str(tmp_path / "stand_in.py")])
    monkeypatch.chdir(tmp_path)

"""Every benchmark runs, shortened, and prints its table; what it measures is for people to judge."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow  # minutes together: make slow
@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("graph_step", "ours GAT"),
        ("graph_edges", "ours GAT"),
        ("trainer_overhead", "added"),
        ("trainer_steps", "added"),
        ("startup", "attn --help"),
        ("attention_block", "ours"),
        ("attention_length", "microseconds a position"),
        ("attention_memory", "ours MiB"),
        ("segment_pooling", "ours, segments"),
        ("documents_step", "ours HAN"),
        ("recommender_step", "ours"),
        ("recommender_users", "ms a user"),
        ("oct_step", "ours"),
        ("oct_predict", "ms an image"),
        ("speech_features", "Conformer, 20 positions"),
        ("speech_decoding", "times real time"),
        ("speech_lstm", "ours"),
        ("speech_joint", "ours"),
    ],
)
def test_it_prints_its_table(name: str, said: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_DATA_DIR", str(data_dir))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout

"""Tracking with the real W&B client: offline by itself, read back with the client's own inspector."""

import json
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.training.run.launch import launch

SMALL = ["task=graph", "data=graph/synthetic", "debug=short", "logger=wandb"]


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no network: W&B's address is a closed port of this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")


def inspected(run_dir: Path, *flags: str) -> str:
    (record,) = run_dir.glob("wandb/offline-run-*/run-*.wandb")
    command = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json", *flags, str(record)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_run_without_key_or_network_is_recorded_offline_and_reads_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "suite")
    started = time.monotonic()
    run = launch(compose([*SMALL, f"run_dir={tmp_path / 'run'}"]))
    assert time.monotonic() - started < 60
    (printed,) = [record.getMessage() for record in caplog.records if "offline" in record.getMessage()]
    assert "does not answer" in printed
    assert "wandb sync" in printed
    result = json.loads((run / "result.json").read_text())
    records = [json.loads(line) for line in inspected(run).splitlines()]
    history = [row for row in records if "history" in row]
    text = json.dumps(records)
    assert len(history) >= 60
    assert "val/accuracy" in text
    assert "content_hash" in text, "provenance is part of the run's config"
    assert str(result["test/accuracy"])[:6] in text


def test_a_key_without_network_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "suite")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    launch(compose([*SMALL, "debug=one_pass", f"run_dir={tmp_path / 'run'}"]))
    assert "does not answer" in caplog.text


def test_the_numbers_are_the_same_with_and_without_tracking(tmp_path: Path) -> None:
    results = []
    for logger in ("csv", "wandb"):
        run = launch(
            compose(
                [
                    "task=graph",
                    "data=graph/synthetic",
                    "debug=short",
                    f"logger={logger}",
                    f"run_dir={tmp_path / logger}",
                ]
            )
        )
        result = json.loads((run / "result.json").read_text())
        results.append({key: value for key, value in result.items() if key not in ("fit_seconds", "run_dir")})
    assert results[0] == results[1]


def test_two_runs_in_one_process_are_two_runs_of_tracking(tmp_path: Path) -> None:
    for name in ("a", "b"):
        launch(compose([*SMALL, "debug=one_pass", f"run_dir={tmp_path / name}"]))
        assert len(list((tmp_path / name).glob("wandb/offline-run-*"))) == 1

"""Integration tests of the documents task."""

import json
from pathlib import Path

from suite.config.compose import compose
from suite.testing import TaskContract
from suite.training.run.launch import launch

SYNTHETIC = ["task=documents", "data=documents/synthetic"]


class TestHan(TaskContract):
    overrides = [*SYNTHETIC]


class TestEvidence(TaskContract):
    overrides = [*SYNTHETIC, "model=documents/evidence", "model.max_ngrams=2000"]


def test_it_learns_the_words_of_the_classes(tmp_path: Path) -> None:
    more = ["data.num_documents=203", "trainer.max_epochs=6", "model=documents/evidence", "model.max_ngrams=2000"]
    run = launch(compose([*SYNTHETIC, *more, "optim.lr=1e-2", f"run_dir={tmp_path / 'run'}"]))
    assert json.loads((run / "result.json").read_text())["test/accuracy"] > 0.9

"""The speech task satisfies the task contract with every model."""

import json
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.testing import TaskContract
from suite.training.run.launch import launch
from tests.speech.conftest import SMALL, SMALL_LAS, SMALL_LSTM

SYNTHETIC = ["task=speech", "data=speech/synthetic", "data.num_utterances=30", "module.search.beam=3"]


class TestCtcAttention(TaskContract):
    overrides = [*SYNTHETIC, *SMALL]
    brief = ["trainer.max_epochs=2"]


class TestLstmAttention(TaskContract):
    overrides = [*SYNTHETIC, "model=speech/lstm_attention", *SMALL_LSTM]
    brief = ["debug=one_pass"]


class TestLas(TaskContract):
    overrides = [*SYNTHETIC, "model=speech/las", *SMALL_LAS]
    brief = ["debug=one_pass"]


@pytest.mark.parametrize(("weight", "outputs"), [(0.0, {"attention"}), (0.5, {"attention", "ctc"}), (1.0, {"ctc"})])
def test_error_rates_are_reported_for_trained_outputs_only(tmp_path: Path, weight: float, outputs: set[str]) -> None:
    more = ["debug=one_pass", f"module.loss.ctc_weight={weight}", f"module.search.ctc_weight={weight}"]
    run = launch(compose([*SYNTHETIC, *SMALL, *more, f"run_dir={tmp_path / 'run'}"]))
    result = json.loads((run / "result.json").read_text())
    assert {name.split("/")[1].split("_")[0] for name in result if name.endswith("_wer")} == outputs
    assert result["test/wer"] == pytest.approx(
        result["test/substitutions"] + result["test/deletions"] + result["test/insertions"]
    )


@pytest.mark.parametrize("attention", ["additive", "dot", "local_monotonic", "local_predictive", "monotonic", "cosine"])
def test_the_speller_trains_with_every_attention(tmp_path: Path, attention: str) -> None:
    more = ["model=speech/las", *SMALL_LAS, f"attention={attention}", "debug=one_pass"]
    run = launch(compose([*SYNTHETIC, *more, f"run_dir={tmp_path / 'run'}"]))
    assert 0.0 <= json.loads((run / "result.json").read_text())["test/wer"] < 9.0

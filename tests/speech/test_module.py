"""Metrics are those of the search, or of greedy decoding while training."""

import pytest
import torch

from suite.config.compose import compose
from suite.training.build import build_data, build_module
from tests.speech.conftest import SMALL

BASE = ["task=speech", "data=speech/synthetic", "data.num_utterances=20", "module.search.beam=2", *SMALL]


@pytest.mark.parametrize(("weight", "outputs"), [(0.0, {"attention"}), (0.3, {"ctc", "attention"}), (1.0, {"ctc"})])
def test_an_evaluation_outside_a_trainer_measures_the_search_and_each_trained_output(
    weight: float, outputs: set[str]
) -> None:
    torch.manual_seed(0)
    config = compose([*BASE, f"module.loss.ctc_weight={weight}"])
    data = build_data(config)
    module = build_module(config, data.facts()).eval()
    metrics = module.metrics_of(data.split_dataloader("test"))
    assert {name.split("_")[0] for name in metrics if name.endswith("_wer")} == outputs
    assert metrics["wer"] == pytest.approx(metrics["substitutions"] + metrics["deletions"] + metrics["insertions"])


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_greedy_decoding_uses_ctc_if_it_is_trained(weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    config = compose([*BASE, f"module.loss.ctc_weight={weight}"])
    data = build_data(config)
    module = build_module(config, data.facts()).eval()
    monkeypatch.setattr(module, "_training_runs", lambda: True)
    batch = next(iter(data.split_dataloader("val")))
    results = module.per_sample(batch)
    assert set(results) == {"loss", "units", "edits"}
    greedy = module._greedy(batch, module(batch))
    assert torch.equal(results["edits"], module._edits(batch, greedy))

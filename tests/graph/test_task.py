"""The graph task fulfils the contract of tasks, and learns."""

import json
from pathlib import Path

import pytest

from suite.config.compose import compose
from suite.errors import UserError
from suite.testing import TaskContract
from suite.training.run.launch import launch


class TestGraph(TaskContract):
    overrides = ["task=graph", "data=graph/synthetic"]


class TestGATv2(TaskContract):
    overrides = ["task=graph", "data=graph/synthetic", "model=graph/gatv2"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gat", "gatv2"])
def test_cora_reaches_the_published_accuracy(model: str, data_dir: Path, tmp_path: Path) -> None:
    scores = []
    for seed in range(3):
        run = launch(
            compose(
                [
                    f"experiment=graph/{model}_cora",
                    f"data.dir={data_dir}",
                    f"seed={seed}",
                    f"run_dir={tmp_path / str(seed)}",
                ]
            )
        )
        scores.append(json.loads((run / "result.json").read_text())["test/accuracy"])
    assert 0.815 < sum(scores) / 3 < 0.85


@pytest.mark.parametrize("attention", ["scaled_dot", "dot", "general", "cosine", "additive", "concat", "gatv2"])
def test_any_score_trains(attention: str, tmp_path: Path) -> None:
    overrides = ["task=graph", "data=graph/synthetic", "debug=one_pass", f"run_dir={tmp_path / 'run'}"]
    assert launch(compose([*overrides, f"attention={attention}"])).is_dir()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "attention=sparsemax",
            "supports only the alignment softmax .* got sparsemax; set attention.alignment=softmax",
        ),
        ("attention=location_based", "edges and segments have no order of keys.*set attention.score=additive"),
        ("attention.pattern=causal", "causal does not apply; set attention.pattern=full"),
        ("attention.score=gatv3", "there is no score 'gatv3'. Did you mean 'gatv2'"),
        ("attention.dropout=2.0", "dropout must be a probability"),
        ("module.passes=0", "module.passes must be at least 1, got 0"),
    ],
)
def test_options_that_edges_do_not_support_raise_an_error(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        launch(compose(["task=graph", "data=graph/synthetic", f"run_dir={tmp_path / 'run'}", override]))
    assert not (tmp_path / "run").exists()

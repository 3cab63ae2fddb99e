"""The graph task keeps the contract, and learns."""

import json
from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.testing import TaskContract
from suite.training.run.launch import launch
from tasks.graph.batch import GraphBatch
from tasks.graph.data import SyntheticData


class TestGraph(TaskContract):
    overrides = ["task=graph", "data=graph/synthetic"]


class TestGATv2(TaskContract):
    overrides = ["task=graph", "data=graph/synthetic", "model=graph/gatv2"]


def test_weights_line_up_with_the_edges_of_the_batch() -> None:
    data = SyntheticData()
    from suite.training.build import build_module

    batch = data.batch
    module = build_module(compose(["task=graph", "data=graph/synthetic"]), data.facts()).eval()
    output = module.net(batch.features, batch.edges)
    assert output.logits.shape == (data.facts()["num_nodes"], data.facts()["num_classes"])
    for weights, heads in zip(output.weights, (8, 1), strict=True):
        assert weights.shape == (batch.edge_index.shape[1], heads)
        sums = torch.zeros(len(batch.labels), heads).index_add(0, batch.edge_index[1], weights)
        torch.testing.assert_close(sums, torch.ones_like(sums))


def test_a_batch_stays_where_it_is_already() -> None:
    batch = GraphBatch.of(SyntheticData().graph)
    assert batch.to("cpu") is batch


@pytest.mark.parametrize("passes", [1, 7, 1000])
def test_how_many_passes_share_a_step_of_lightning_changes_nothing(passes: int, tmp_path: Path) -> None:
    overrides = ["task=graph", "data=graph/synthetic", "seed=3", "trainer.max_steps=23"]
    for name, number in (("one", 1), ("many", passes)):
        launch(compose([*overrides, f"module.passes={number}", f"run_dir={tmp_path / name}"]))
    one, many = (
        torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name in ("one", "many")
    )
    assert all(torch.equal(one[key], many[key]) for key in one)
    rows = [(tmp_path / name / "metrics.csv").read_text() for name in ("one", "many")]
    assert rows[0] == rows[1]
    assert len(rows[0].splitlines()) == 1 + 23 + 1  # a header, the passes, the test


def test_patience_ends_training_between_two_passes(tmp_path: Path) -> None:
    overrides = ["task=graph", "data=graph/synthetic", "selection.patience=3", f"run_dir={tmp_path / 'run'}"]
    result = json.loads((launch(compose(overrides)) / "result.json").read_text())
    content = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert result["epochs"] == content["global_step"]
    assert result["epochs"] % 50


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_on_a_gpu_equals_the_cpu() -> None:
    from suite.training.build import build_module

    data = SyntheticData()
    module = build_module(compose(["task=graph", "data=graph/synthetic"]), data.facts()).eval()
    expected = module.net(data.batch.features, data.batch.edges).logits
    batch = data.batch.to("cuda")
    torch.testing.assert_close(module.cuda().net(batch.features, batch.edges).logits.cpu(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gat", "gatv2"])
def test_cora_reaches_the_published_band(model: str, data_dir: Path, tmp_path: Path) -> None:
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
def test_any_score_reaches_the_graph_by_one_override(attention: str, tmp_path: Path) -> None:
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
def test_what_a_graph_cannot_do_is_refused_in_a_sentence(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        launch(compose(["task=graph", "data=graph/synthetic", f"run_dir={tmp_path / 'run'}", override]))
    assert not (tmp_path / "run").exists()

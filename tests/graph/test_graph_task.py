"""The graph task keeps the contract, and learns."""

import json
from pathlib import Path

import pytest
import torch

from suite.config import compose
from suite.testing import TaskContract
from suite.training.launch import launch
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

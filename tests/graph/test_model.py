"""The network of the graph task."""

import pytest
import torch

from suite.config.compose import compose
from suite.training.build import build_module
from tasks.graph.model import GraphAttentionNet
from tests.presets import build_preset


def test_weights_are_in_the_order_of_edge_index_and_sum_to_1() -> None:
    data = build_preset("graph/synthetic")
    batch = data.batch
    module = build_module(compose(["task=graph", "data=graph/synthetic"]), data.facts()).eval()
    output = module.net(batch.features, batch.edges)
    assert output.logits.shape == (data.facts()["num_nodes"], data.facts()["num_classes"])
    for weights, heads in zip(output.weights, (8, 1), strict=True):
        assert weights.shape == (batch.edge_index.shape[1], heads)
        sums = torch.zeros(len(batch.labels), heads).index_add(0, batch.edge_index[1], weights)
        torch.testing.assert_close(sums, torch.ones_like(sums))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, r"dropout must be a probability in \[0, 1\), got 1.0"),
        ({"feature_dropout": -0.1}, "feature_dropout must be a probability"),
        ({"num_heads": 0}, "num_heads must be at least 1, got 0"),
    ],
)
def test_options_out_of_range_raise_an_error(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        GraphAttentionNet(5, 3, {"score": "gat"}, **options)

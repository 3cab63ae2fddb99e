"""The batch of the graph task."""

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_module
from tasks.graph.batch import GraphBatch
from tests.presets import build_preset


def test_a_batch_on_its_device_is_returned_unchanged() -> None:
    batch = GraphBatch.of(build_preset("graph/synthetic").graph)
    assert batch.to("cpu") is batch


def test_mps_is_rejected():
    with pytest.raises(UserError, match="use trainer=cpu"):
        GraphBatch.of(build_preset("graph/synthetic").graph).to("mps")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_on_a_gpu_equals_the_cpu() -> None:
    data = build_preset("graph/synthetic")
    module = build_module(compose(["task=graph", "data=graph/synthetic"]), data.facts()).eval()
    expected = module.net(data.batch.features, data.batch.edges).logits
    batch = data.batch.to("cuda")
    torch.testing.assert_close(module.cuda().net(batch.features, batch.edges).logits.cpu(), expected)

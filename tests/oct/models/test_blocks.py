"""Residual blocks and gates."""

import pytest
import torch

from tasks.oct.models.blocks import GATES, Residual, make_gate


def test_each_gate_is_from_the_core() -> None:
    assert make_gate("none", 4) is None
    for name in GATES[1:]:
        gate = make_gate(name, 4)
        assert type(gate).__module__ == "suite.attention.layers.gates"
        assert Residual(3, 4, stride=2, gate=gate)(torch.rand(1, 3, 9, 7)).shape == (1, 4, 5, 4)
    with pytest.raises(ValueError, match="gate must be one of none, se"):
        make_gate("sea", 4)


def test_a_block_is_the_sum_of_the_paper() -> None:
    block = Residual(4, 4).eval()
    x = torch.randn(2, 4, 6, 5)
    torch.testing.assert_close(block(x), (block.second(block.first(x).relu()) + x).relu())

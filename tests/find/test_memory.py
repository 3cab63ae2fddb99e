"""Memory of this process and of the system."""

import pytest
import torch

from suite.find import memory
from tests.cli.conftest import Attn, attn  # noqa: F401  # a fixture


def test_memory_is_what_the_system_tells() -> None:
    before = memory.peak()
    block = torch.ones(64, 1024, 1024, dtype=torch.uint8)
    assert memory.peak() - before == pytest.approx(block.nbytes / memory.GIB, abs=0.02)
    assert 0.0 < memory.free() < 1e5

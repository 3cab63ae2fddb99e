"""Memory of this process and of the machine."""

import subprocess
import sys

import pytest

from suite.find import memory

# A new process, because the peak of this one may be that of an earlier test.
BLOCK = """
import torch
from suite.find import memory
before = memory.peak()
block = torch.ones(64, 1024, 1024, dtype=torch.uint8)
print(memory.peak() - before, block.nbytes)
"""


def test_memory_is_what_the_system_tells() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCK], capture_output=True, text=True, check=True)
    grown, num_bytes = map(float, done.stdout.split())
    assert grown == pytest.approx(num_bytes / memory.GIB, abs=0.02)
    assert 0.0 < memory.free() < 1e5

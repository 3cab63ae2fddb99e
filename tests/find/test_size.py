"""The search for a batch size, and where it ends."""

from typing import Any

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.find import memory, size
from suite.find.size import Size, recommended
from tests.cli.conftest import Attn, attn  # noqa: F401  # a fixture
from tests.training.forked import TASKS


def test_the_smallest_size_near_the_best_is_recommended() -> None:
    sizes = [Size(8, 9, 8, 100.0, 0.1), Size(16, 5, 16, 196.0, 0.2), Size(32, 3, 32, 200.0, 0.4)]
    assert recommended(sizes) == 16
    assert size._end(sizes, "batch_size") is None
    assert (
        size._end([*sizes, Size(64, 2, 64, 203.0, 1.0)], "batch_size") == "two doublings in a row gained less than 5 %"
    )


def test_a_full_gpu_ends_the_search_with_the_sizes_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    real = size.train

    def small(config: dict[str, Any], *arguments: Any) -> None:
        if config["data"]["batch_size"] > 14:
            raise torch.OutOfMemoryError("CUDA out of memory")
        real(config, *arguments)

    monkeypatch.setattr(size, "train", small)
    found = size.search(compose(TASKS["documents"]), "data.batch_size", steps=1, bound=99.0)
    assert [one.value for one in found.sizes] == [7, 14]
    assert found.reason == "memory is exhausted before data.batch_size=28"


def test_a_bound_on_the_cpus_memory_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = iter([5.0, 5.1, 5.1, 5.2, 5.2, 6.0])
    monkeypatch.setattr(memory, "peak", lambda: next(grown))
    found = size.search(compose(TASKS["documents"]), None, steps=1, bound=0.5)
    assert [(one.value, round(one.gib, 1)) for one in found.sizes] == [(7, 0.1), (14, 0.2)]
    assert found.reason == "memory is exhausted before data.batch_size=28"
    monkeypatch.setattr(memory, "peak", iter([5.0, 6.0]).__next__)
    with pytest.raises(UserError, match="memory is exhausted at data.batch_size=7"):
        size.search(compose(TASKS["documents"]), None, steps=1, bound=0.5)

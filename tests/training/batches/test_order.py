"""The order of batches depends on seed and epoch alone."""

from collections.abc import Iterator

import pytest
import torch

from suite.training.batches.order import TrainingBatches


class Drawing:
    """A loader whose order is drawn from the global generator."""

    def __len__(self) -> int:
        return 11

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield from torch.randperm(11)


@pytest.mark.parametrize("skip", [0, 4])
def test_epochs_entered_anywhere_deal_the_same(skip: int) -> None:
    epoch = 0
    here, ahead = (TrainingBatches(Drawing(), 5, lambda: epoch, skip, prefetch) for prefetch in (0, 3))
    for epoch in range(3):  # noqa: B007  # the lambda reads it
        assert [int(one) for one in ahead] == [int(one) for one in here]
    assert len(list(here)) == 11, "batches are left out of the first epoch alone"

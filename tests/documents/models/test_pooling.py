"""Poolings against a loop over the segments."""

import pytest
import torch

from suite.attention.ragged.segments import Segments
from tasks.documents.models.pooling import AveragePooling, LastState, MaxPooling

LENGTHS = [3, 0, 7, 1, 5]


@pytest.fixture
def segments() -> Segments:
    return Segments.from_lengths(torch.tensor(LENGTHS))


def test_poolings_equal_a_loop(segments: Segments) -> None:
    x = torch.randn(16, 3)
    for pooling, reduce in (
        (AveragePooling(3), lambda part: part.mean(0)),
        (MaxPooling(3), lambda part: part.max(0).values),
        (LastState(3), lambda part: part[-1]),
    ):
        expected = torch.stack([reduce(part) if len(part) else torch.zeros(3) for part in x.split(LENGTHS)])
        output = pooling(x, segments=segments)
        torch.testing.assert_close(output.context, expected)
        assert output.weights.shape == (16, 1)
        for part in output.weights.split(LENGTHS):
            assert not len(part) or float(part.sum()) == pytest.approx(1.0, abs=1e-5)

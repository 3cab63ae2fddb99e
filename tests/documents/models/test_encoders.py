"""Ragged encoders against loops over the segments."""

import pytest
import torch
from torch import nn

from suite.attention.ragged.segments import Segments
from tasks.documents.models.encoders import Recurrent, add_neighbours

LENGTHS = [3, 0, 7, 1, 5]


@pytest.fixture
def segments() -> Segments:
    return Segments.from_lengths(torch.tensor(LENGTHS))


@pytest.mark.parametrize(("kind", "both"), [("gru", True), ("lstm", False), ("lstm", True)])
def test_packed_rows_equal_one_segment_after_another(kind: str, both: bool, segments: Segments) -> None:
    torch.manual_seed(0)
    layer = Recurrent(6, 4, kind, both)
    x = torch.randn(16, 6, requires_grad=True)
    slow = torch.cat([layer.layer(part)[0] for part in x.split(LENGTHS) if len(part)])
    fast = layer(x, segments)
    torch.testing.assert_close(fast, slow)
    weights = torch.randn_like(fast)
    (expected,) = torch.autograd.grad((slow * weights).sum(), x)
    (found,) = torch.autograd.grad((fast * weights).sum(), x)
    torch.testing.assert_close(found, expected)


def test_another_kind_raises() -> None:
    with pytest.raises(ValueError, match="kind must be one of gru, lstm, got 'rnn'"):
        Recurrent(3, 3, "rnn")


def test_neighbours_are_of_the_same_segment(segments: Segments) -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 6)
    conv = nn.Conv1d(6, 5, 3, padding=1, bias=False)
    left, own, right = (x @ weight.t() for weight in conv.weight.detach().unbind(2))
    slow = torch.cat([conv(part.t()[None])[0].t() for part in x.split(LENGTHS) if len(part)])
    torch.testing.assert_close(add_neighbours(left, own, right, segments), slow)


def test_neighbours_do_not_cross_the_bounds() -> None:
    ones = torch.ones(4, 1)
    found = add_neighbours(10 * ones, ones, 100 * ones, Segments.from_lengths(torch.tensor([1, 3])))
    assert found.flatten().tolist() == [1, 101, 111, 11]

"""A graph, and every size of the groups of heads."""

import pytest
import torch

from suite.attention.ragged import edge_softmax
from suite.attention.ragged.edges import Edges

N, S, M, H, V = 5, 7, 23, 6, 3  # receivers, senders, edges, heads, width


@pytest.fixture(params=[1, 2, 6], ids=lambda heads: f"{heads}_heads_in_a_group")
def heads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(edge_softmax, "GROUP", M * request.param)
    return int(request.param)


@pytest.fixture
def edges() -> Edges:
    torch.manual_seed(0)
    index = torch.stack([torch.randint(S, (M,)), torch.randint(1, N, (M,)).sort().values])  # receiver 0 has none
    return Edges.from_index(index, N, S)

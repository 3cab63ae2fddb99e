"""Each process evaluates its share, and results are gathered in the order of the loader."""

import pytest
import torch.distributed as dist

from suite.data import process_share
from suite.data.process_share import EvaluationShare, ProcessRank, gather


def test_without_a_process_group_there_is_one_process() -> None:
    assert ProcessRank.current() == (0, 1)
    assert list(EvaluationShare([1, 2, 3])) == [1, 2, 3]
    assert gather(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize("number", [0, 1, 5, 6, 7])
def test_shares_of_three_processes_are_the_whole_without_repetition(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = []
    for rank in range(3):
        monkeypatch.setattr(process_share.ProcessRank, "current", lambda rank=rank: ProcessRank(rank, 3))
        shares.append(list(EvaluationShare(range(number))))
    assert sorted(value for share in shares for value in share) == list(range(number))

    def all_gather(results: list, own: list) -> None:
        results[:] = shares

    monkeypatch.setattr(dist, "all_gather_object", all_gather)
    assert gather(shares[0]) == list(range(number))

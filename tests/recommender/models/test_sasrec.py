"""SASRec: what an event attends to, training pairs, and the shortened last block."""

from typing import Any

import pytest
import torch

from tasks.recommender.models.sasrec import SASRec
from tests.recommender.models.networks import CHOICES, ITEMS, histories, network


@pytest.mark.parametrize("attention", CHOICES, ids=str)
def test_an_event_attends_to_earlier_events_only(attention: dict[str, Any]) -> None:
    net, (items, _) = network(SASRec, **attention), histories()
    before = net(items)
    changed = items.clone()
    changed[1, 4] = items[1, 4] % ITEMS + 1
    after = net(changed)
    torch.testing.assert_close(before[1, :4], after[1, :4])
    assert not torch.allclose(before[1, 4], after[1, 4])


@pytest.mark.parametrize("attention", CHOICES, ids=str)
def test_the_scores_are_those_of_the_state_that_was_trained(attention: dict[str, Any]) -> None:
    net, (items, lengths) = network(SASRec, **attention), histories()
    trained = net(items)[torch.arange(4), lengths - 1] @ net.table().t()
    torch.testing.assert_close(net.scores(items, lengths), trained)


def test_an_alignment_that_sees_later_events_is_rejected() -> None:
    with pytest.raises(ValueError, match="with Sinkhorn an event depends on later ones, which SASRec must not see"):
        network(SASRec, alignment="sinkhorn")


def test_the_last_block_computes_the_last_event_only() -> None:
    net, (items, lengths) = network(SASRec), histories()
    assert net.last_row_only
    torch.testing.assert_close(net.last(items, lengths), net(items)[torch.arange(4), lengths - 1])
    assert not network(SASRec, pattern={"name": "window", "left": 2}).last_row_only


def test_each_event_is_paired_with_the_next() -> None:
    net, (items, lengths) = network(SASRec), histories()
    hidden, targets = net.training_pairs(items, lengths)
    wanted = [items[row, 1:length] for row, length in enumerate(lengths.tolist())]
    assert torch.equal(targets, torch.cat(wanted))
    torch.testing.assert_close(hidden[4], net(items[1:2, :1])[0, 0])  # the second history's first event

"""BERT4Rec: masked items and the masked item after a history."""

import pytest
import torch

from tasks.recommender.models.bert4rec import BERT4Rec
from tests.recommender.models.networks import COUNTS, ITEMS, LONGEST, histories, network


def test_masked_items_are_the_targets() -> None:
    net, (items, lengths) = network(BERT4Rec), histories()
    seen: list[torch.Tensor] = []
    encode = net.forward
    net.forward = lambda given: (seen.append(given), encode(given))[1]
    for _ in range(50):
        hidden, targets = net.training_pairs(items, lengths)
        hide = seen[-1] == ITEMS + 1
        assert hide.any(1).all()
        assert not (hide & (items == 0)).any()
        assert torch.equal(targets, items[hide])
        assert len(hidden) == len(targets)
        assert torch.equal(seen[-1][~hide], items[~hide])


def test_the_answer_is_the_state_of_a_masked_item_after_the_history() -> None:
    net, (items, lengths) = network(BERT4Rec), histories()
    for row, length in enumerate(lengths.tolist()):
        masked = torch.cat([items[row : row + 1, :length], torch.tensor([[ITEMS + 1]])], dim=1)
        torch.testing.assert_close(net.last(items, lengths)[row], net(masked)[0, -1])


def test_mask_probability_out_of_range_raises_an_error() -> None:
    with pytest.raises(ValueError, match="mask_probability must be between 0 and 1, got 0.0"):
        BERT4Rec(ITEMS, LONGEST, COUNTS, {}, mask_probability=0.0)

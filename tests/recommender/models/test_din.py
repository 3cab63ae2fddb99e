"""DIN: events of a window, candidates, padding."""

from typing import Any

import pytest
import torch

from tasks.recommender.models.din import DIN
from tests.recommender.models.networks import CHOICES, COUNTS, FIXED, ITEMS, histories


def din(**attention: Any) -> DIN:
    torch.manual_seed(0)
    genres = [(item % 3, 3 + item % 2) if item % 4 else () for item in range(1, ITEMS + 1)]
    traits = [("young", "m"), ("old", "f"), ("old", "m")]
    net = DIN(ITEMS, COUNTS, genres, traits, {"score": "additive"} | attention, embed_dim=6, hidden_dim=10)
    for parameter in net.parameters():
        parameter.data += torch.randn_like(parameter) * 0.3
    return net.eval()


ALLOWED = [one for one in CHOICES if one.get("alignment") != "monotonic"]


@pytest.mark.parametrize("attention", ALLOWED, ids=str)
def test_the_logit_of_each_event_is_that_of_a_candidate_after_the_events_before_it(attention: dict[str, Any]) -> None:
    net, (items, lengths) = din(**attention), histories()
    liked, users = (items % 3 == 0) & (items > 0), torch.tensor([1, 2, 3, 0])
    packed = net(items, liked, users)
    for row, length in enumerate(lengths.tolist()):
        for place in range(length):
            past = items[row : row + 1, :place], liked[row : row + 1, :place]
            asked = net.ask(*past, torch.tensor([place]), users[row : row + 1], items[row : row + 1, place : place + 1])
            torch.testing.assert_close(asked[0, 0], packed[row, place])


@pytest.mark.parametrize("attention", ALLOWED, ids=str)
def test_candidates_do_not_depend_on_padding(attention: dict[str, Any]) -> None:
    net, (items, lengths) = din(**attention), histories()
    candidates = torch.tensor([[1, 5, 9]]).expand(4, -1)
    users = torch.tensor([1, 1, 2, 0])
    together = net.ask(items, items > 0, lengths, users, candidates)
    for row, length in enumerate(lengths.tolist()):
        alone = items[row : row + 1, :length]
        single = net.ask(alone, alone > 0, lengths[row : row + 1], users[row : row + 1], candidates[:1])
        torch.testing.assert_close(together[row], single[0])
    scores, weights = net.explain(items, lengths)
    assert scores.shape == (4, ITEMS + 1)
    assert torch.all(weights[items == 0] == 0)


def test_dropout_out_of_range_raises_an_error() -> None:
    with pytest.raises(ValueError, match="dropout must be a probability"):
        DIN(ITEMS, COUNTS, [], [], {}, dropout=1.0)


@pytest.mark.parametrize("alignment", ["sinkhorn", "monotonic"])
def test_an_alignment_that_couples_candidates_is_rejected(alignment: str) -> None:
    with pytest.raises(ValueError, match="a candidate depends on the other candidates, which DIN scores alone"):
        din(alignment=alignment)


def test_a_pattern_of_a_fixed_size_is_rejected() -> None:
    with pytest.raises(ValueError, match="AxialRows is built for one number of positions, and histories have any"):
        din(**FIXED)

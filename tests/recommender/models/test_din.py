"""DIN: events of a window, candidates, padding."""

import pytest
import torch

from tasks.recommender.models.din import DIN
from tests.recommender.models.networks import COUNTS, ITEMS, histories


def din() -> DIN:
    torch.manual_seed(0)
    genres = [(item % 3, 3 + item % 2) if item % 4 else () for item in range(1, ITEMS + 1)]
    traits = [("young", "m"), ("old", "f"), ("old", "m")]
    net = DIN(ITEMS, COUNTS, genres, traits, {"score": "additive"}, embed_dim=6, hidden_dim=10)
    for parameter in net.parameters():
        parameter.data += torch.randn_like(parameter) * 0.3
    return net.eval()


def test_the_logit_of_each_event_is_that_of_a_candidate_after_the_events_before_it() -> None:
    net, (items, lengths) = din(), histories()
    liked, users = (items % 3 == 0) & (items > 0), torch.tensor([1, 2, 3, 0])
    packed = net(items, liked, users)
    for row, length in enumerate(lengths.tolist()):
        for place in range(length):
            past = items[row : row + 1, :place], liked[row : row + 1, :place]
            asked = net.ask(*past, torch.tensor([place]), users[row : row + 1], items[row : row + 1, place : place + 1])
            torch.testing.assert_close(asked[0, 0], packed[row, place])


def test_candidates_do_not_depend_on_padding() -> None:
    net, (items, lengths) = din(), histories()
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

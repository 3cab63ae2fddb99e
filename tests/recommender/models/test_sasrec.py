"""The networks: what may see what, padding, the short cut of the last block, capture."""

from typing import Any

import pytest
import torch

from tasks.recommender.models.bert4rec import BERT4Rec
from tasks.recommender.models.din import DIN
from tasks.recommender.models.sasrec import SASRec, SequenceEncoder

ITEMS, LONGEST = 17, 9
SHAPE: dict[str, Any] = {"embed_dim": 12, "num_blocks": 2, "num_heads": 3, "hidden_dim": 20}
COUNTS = list(range(ITEMS + 1))


def network(kind: type[SequenceEncoder], **attention: Any) -> Any:
    torch.manual_seed(0)
    net = kind(ITEMS, LONGEST, COUNTS, attention, **SHAPE)
    for parameter in net.parameters():
        parameter.data += torch.randn_like(parameter) * 0.2
    return net.eval()


def histories() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    lengths = torch.tensor([5, 9, 1, 3])
    items = torch.randint(1, ITEMS + 1, (4, LONGEST))
    return items * (torch.arange(LONGEST) < lengths[:, None]), lengths


@pytest.mark.parametrize("attention", [{}, {"score": "additive"}, {"pattern": {"name": "window", "left": 2}}])
def test_sasrec_sees_the_past_alone(attention: dict[str, Any]) -> None:
    net, (items, _) = network(SASRec, **attention), histories()
    before = net(items)
    changed = items.clone()
    changed[1, 4] = items[1, 4] % ITEMS + 1
    after = net(changed)
    assert torch.equal(before[1, :4], after[1, :4])
    assert not torch.allclose(before[1, 4], after[1, 4])


@pytest.mark.parametrize("kind", [SASRec, BERT4Rec])
@pytest.mark.parametrize("attention", [{}, {"alignment": "sparsemax"}, {"pattern": {"name": "window", "left": 2}}])
def test_scores_of_a_history_do_not_depend_on_its_batch(kind: type[SequenceEncoder], attention: dict[str, Any]) -> None:
    net, (items, lengths) = network(kind, **attention), histories()
    scores = net.scores(items, lengths)
    assert scores.shape == (4, ITEMS + 1)
    for row, length in enumerate(lengths.tolist()):
        alone = net.scores(items[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(scores[row], alone[0])


def test_the_last_block_may_serve_the_last_event_alone() -> None:
    net, (items, lengths) = network(SASRec), histories()
    assert net.last_row_only
    torch.testing.assert_close(net.last(items, lengths), net(items)[torch.arange(4), lengths - 1])
    assert not network(SASRec, pattern={"name": "window", "left": 2}).last_row_only


def test_sasrec_pairs_every_event_with_the_next() -> None:
    net, (items, lengths) = network(SASRec), histories()
    hidden, targets = net.training_pairs(items, lengths)
    wanted = [items[row, 1:length] for row, length in enumerate(lengths.tolist())]
    assert torch.equal(targets, torch.cat(wanted))
    torch.testing.assert_close(hidden[4], net(items[1:2, :1])[0, 0])  # the second history's first event


def test_bert4rec_hides_what_it_asks_for() -> None:
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


@pytest.mark.parametrize("kind", [SASRec, BERT4Rec])
def test_an_empty_history_is_answered_with_what_is_popular(kind: type[SequenceEncoder]) -> None:
    net, (items, lengths) = network(kind), histories()
    lengths[2], items[2] = 0, 0
    assert net.scores(items, lengths)[2].tolist() == COUNTS


@pytest.mark.parametrize("kind", [SASRec, BERT4Rec])
def test_attended_events_are_of_the_history_and_change_nothing(kind: type[SequenceEncoder]) -> None:
    net, (items, lengths) = network(kind), histories()
    scores, weights = net.explain(items, lengths)
    torch.testing.assert_close(scores, net.scores(items, lengths))
    assert weights.shape == items.shape
    assert (weights * (items == 0)).sum() == pytest.approx(0.0, abs=1e-6) if kind is SASRec else True
    assert torch.all(weights.sum(1) <= 1 + 1e-5)


def test_wrong_shapes_are_refused() -> None:
    for wrong in ({"dropout": 1.0}, {"num_blocks": 0}, {"num_heads": 5}):
        with pytest.raises(ValueError, match="dropout|num_blocks|num_heads"):
            SASRec(ITEMS, LONGEST, COUNTS, {}, **(SHAPE | wrong))
    with pytest.raises(ValueError, match="mask_probability"):
        BERT4Rec(ITEMS, LONGEST, COUNTS, {}, mask_probability=0.0)


def din() -> DIN:
    torch.manual_seed(0)
    genres = [(item % 3, 3 + item % 2) if item % 4 else () for item in range(1, ITEMS + 1)]
    traits = [("young", "m"), ("old", "f"), ("old", "m")]
    net = DIN(ITEMS, COUNTS, genres, traits, {"score": "additive"}, embed_dim=6, hidden_dim=10)
    for parameter in net.parameters():
        parameter.data += torch.randn_like(parameter) * 0.3
    return net.eval()


def test_din_answers_every_event_of_a_window_as_if_asked_alone() -> None:
    net, (items, lengths) = din(), histories()
    liked, users = (items % 3 == 0) & (items > 0), torch.tensor([1, 2, 3, 0])
    packed = net(items, liked, users)
    for row, length in enumerate(lengths.tolist()):
        for place in range(length):
            past = items[row : row + 1, :place], liked[row : row + 1, :place]
            asked = net.ask(*past, torch.tensor([place]), users[row : row + 1], items[row : row + 1, place : place + 1])
            torch.testing.assert_close(asked[0, 0], packed[row, place])


def test_din_asks_all_candidates_at_once_and_ignores_padding() -> None:
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

"""What SASRec and BERT4Rec share: padding, empty histories, weights, checks."""

from typing import Any

import pytest
import torch

from tasks.recommender.models.bert4rec import BERT4Rec
from tasks.recommender.models.sasrec import SASRec
from tasks.recommender.models.sequence_encoder import SequenceEncoder
from tests.recommender.models.networks import CHOICES, COUNTS, FIXED, ITEMS, LONGEST, SHAPE, histories, network


@pytest.mark.parametrize(
    ("kind", "attention"),
    [*((kind, one) for kind in (SASRec, BERT4Rec) for one in CHOICES), (BERT4Rec, {"alignment": "sinkhorn"})],
    ids=lambda x: x.__name__ if isinstance(x, type) else str(x),
)
def test_scores_of_a_history_do_not_depend_on_its_batch(kind: type[SequenceEncoder], attention: dict[str, Any]) -> None:
    net, (items, lengths) = network(kind, **attention), histories()
    scores = net.scores(items, lengths)
    assert scores.shape == (4, ITEMS + 1)
    for row, length in enumerate(lengths.tolist()):
        alone = net.scores(items[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(scores[row], alone[0])


@pytest.mark.parametrize("kind", [SASRec, BERT4Rec])
def test_the_scores_of_an_empty_history_are_the_popularity(kind: type[SequenceEncoder]) -> None:
    net, (items, lengths) = network(kind), histories()
    lengths[2], items[2] = 0, 0
    assert net.scores(items, lengths)[2].tolist() == COUNTS


@pytest.mark.parametrize("kind", [SASRec, BERT4Rec])
def test_explain_returns_the_scores_and_weights_of_the_events(kind: type[SequenceEncoder]) -> None:
    net, (items, lengths) = network(kind), histories()
    scores, weights = net.explain(items, lengths)
    torch.testing.assert_close(scores, net.scores(items, lengths))
    assert weights.shape == items.shape
    assert (weights * (items == 0)).sum() == pytest.approx(0.0, abs=1e-6) if kind is SASRec else True
    assert torch.all(weights.sum(1) <= 1 + 1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, "dropout must be a probability"),
        ({"num_blocks": 0}, "num_blocks must be at least 1, got 0"),
        ({"num_heads": 5}, "num_heads"),
    ],
)
def test_options_out_of_range_raise_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SASRec(ITEMS, LONGEST, COUNTS, {}, **(SHAPE | options))


@pytest.mark.parametrize("kind", [SASRec, BERT4Rec])
def test_a_pattern_of_a_fixed_size_is_rejected(kind: type[SequenceEncoder]) -> None:
    with pytest.raises(ValueError, match="AxialRows is built for one number of positions, and histories have any"):
        network(kind, **FIXED)

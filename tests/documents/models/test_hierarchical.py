"""Ragged encoders, pooling and networks against padded loops of torch's own layers."""

import pytest
import torch
from torch import Tensor, nn

from suite.attention.ragged.segments import Segments
from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_data, build_module
from tasks.documents.batch import DocumentBatch
from tasks.documents.models.encoders import Recurrent, beside
from tasks.documents.models.pooling import AveragePooling, LastState, MaxPooling

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


def test_an_encoder_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="one of gru, lstm, got 'rnn'"):
        Recurrent(3, 3, "rnn")


def test_neighbours_are_of_the_same_segment(segments: Segments) -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 6)
    conv = nn.Conv1d(6, 5, 3, padding=1, bias=False)
    left, own, right = (x @ weight.t() for weight in conv.weight.detach().unbind(2))
    slow = torch.cat([conv(part.t()[None])[0].t() for part in x.split(LENGTHS) if len(part)])
    torch.testing.assert_close(beside(left, own, right, segments), slow)


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


MODELS = ["han", "hn_ave", "hn_max", "evidence", "lstm", "lstm_attention"]


def network(model: str, *more: str) -> nn.Module:
    torch.manual_seed(0)
    config = compose(["task=documents", "data=documents/synthetic", f"model=documents/{model}", *more])
    data = build_data(config)
    net = build_module(config, data.facts()).net
    if hasattr(net, "observe"):
        net.observe(data.split_dataloader("train"))
        nn.init.normal_(net.evidence.weight)
    return net.eval()


def logits(net: nn.Module, documents: list[list[list[int]]]) -> Tensor:
    batch = DocumentBatch.of(documents)
    return net(batch.words, batch.sentences, batch.documents).logits


@pytest.mark.parametrize("model", MODELS)
def test_neighbours_in_a_batch_change_nothing(model: str) -> None:
    documents = [[[1, 2, 3], [4]], [[5, 1]], [], [[2], [7, 8, 9, 3], [1, 1]]]
    net = network(model)
    together = logits(net, documents)
    alone = torch.cat([logits(net, [document]) for document in documents])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(logits(net, documents[::-1]), together.flip(0))


@pytest.mark.parametrize("model", MODELS)
def test_empty_documents_and_empty_sentences_have_a_result(model: str) -> None:
    net = network(model)
    assert logits(net, [[]]).isfinite().all()
    assert logits(net, [[], []]).isfinite().all()
    torch.testing.assert_close(logits(net, [[[]], [[3, 4]]])[1:], logits(net, [[[3, 4]]]))


def test_weights_of_words_and_sentences_sum_to_one() -> None:
    net = network("han")
    batch = DocumentBatch.of([[[1, 2, 3], [4]], [[5, 1]]])
    output = net(batch.words, batch.sentences, batch.documents)
    sums = torch.zeros(3, 1).index_add(0, batch.sentences.ids, output.word_weights)
    torch.testing.assert_close(sums, torch.ones(3, 1))
    sums = torch.zeros(2, 1).index_add(0, batch.documents.ids, output.sentence_weights)
    torch.testing.assert_close(sums, torch.ones(2, 1))


@pytest.mark.parametrize("attention", ["scaled_dot", "dot", "general", "cosine", "additive", "concat", "gatv2"])
def test_any_score_reaches_the_documents_by_one_override(attention: str) -> None:
    assert logits(network("han", f"attention={attention}"), [[[1, 2], [3]]]).isfinite().all()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("attention=sparsemax", "supports only the alignment softmax .* got sparsemax"),
        ("attention.score=aditive", "there is no score 'aditive'. Did you mean 'additive'"),
        ("attention.dropout=2.0", "dropout must be a probability"),
    ],
)
def test_what_segments_cannot_do_is_refused_in_a_sentence(override: str, message: str) -> None:
    with pytest.raises((UserError, ValueError), match=message):
        network("han", override)


def test_neighbours_do_not_cross_the_bounds() -> None:
    ones = torch.ones(4, 1)
    found = beside(10 * ones, ones, 100 * ones, Segments.from_lengths(torch.tensor([1, 3])))
    assert found.flatten().tolist() == [1, 101, 111, 11]

"""The hierarchical network, and properties of all networks of documents."""

import pytest
import torch
from torch import Tensor, nn

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_data, build_module
from tasks.documents.batch import DocumentBatch

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
def test_other_documents_of_a_batch_change_nothing(model: str) -> None:
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
def test_each_score_is_one_override(attention: str) -> None:
    assert logits(network("han", f"attention={attention}"), [[[1, 2], [3]]]).isfinite().all()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("attention=sparsemax", "supports only the alignment softmax .* got sparsemax"),
        ("attention.score=aditive", "there is no score 'aditive'. Did you mean 'additive'"),
        ("attention.dropout=2.0", "dropout must be a probability"),
    ],
)
def test_unsupported_attention_raises(override: str, message: str) -> None:
    with pytest.raises((UserError, ValueError), match=message):
        network("han", override)

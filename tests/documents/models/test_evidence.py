"""The evidence network: with equal weights it is the sum of the evidence of all words."""

import torch
from torch import nn

from tasks.documents.batch import DocumentBatch
from tasks.documents.models.evidence import EvidenceAttentionNet
from tasks.documents.models.pooling import AveragePooling

DOCUMENTS = [[[1, 2, 3], [4]], [[2, 2, 1]], [], [[3, 1], [4, 4], [2]]]


def test_equal_weights_give_the_sum_over_the_words() -> None:
    torch.manual_seed(0)
    net = EvidenceAttentionNet(5, 2, AveragePooling, embed_dim=3, max_ngrams=30, min_count=1).eval()
    batch = DocumentBatch.of(DOCUMENTS, [0, 1, 0, 1])
    net.observe([batch])
    nn.init.normal_(net.evidence.weight)
    nn.init.zeros_(net.output.weight)
    nn.init.zeros_(net.output.bias)
    evidence = net.evidence(batch.words, batch.sentences, batch.documents)
    lengths = [sum(map(len, document)) for document in DOCUMENTS]
    expected = torch.stack([one.sum(0) for one in evidence.split(lengths)])
    logits = net(batch.words, batch.sentences, batch.documents).logits
    torch.testing.assert_close(logits, expected)


def test_word_dropout_is_for_training_only() -> None:
    net = EvidenceAttentionNet(5, 2, AveragePooling, embed_dim=3, max_ngrams=30, min_count=1, word_dropout=1.0)
    unknown = DocumentBatch.of([[[0, 0, 0], [0]], [[0, 0, 0]], [], [[0, 0], [0, 0], [0]]])
    batch = DocumentBatch.of(DOCUMENTS)
    net.dropout = 0.0
    found, expected = (net.train()(one.words, one.sentences, one.documents).logits for one in (batch, unknown))
    torch.testing.assert_close(found, expected)
    assert not torch.equal(net.eval()(batch.words, batch.sentences, batch.documents).logits, expected)

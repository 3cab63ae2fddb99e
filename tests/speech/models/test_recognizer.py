"""Both outputs of the recognizer, and the language model of its transcripts."""

import torch

from tasks.speech.units import EOS
from tests.speech.conftest import FACTS, network


def test_the_outputs_are_those_of_encoder_ctc_layer_and_decoder() -> None:
    net = network()
    features, lengths = torch.randn(2, 17, 5), torch.tensor([17, 9])
    targets = torch.tensor([[3, 4], [5, 0]])
    output = net(features, lengths, targets)
    encoded = net.encode(features, lengths)
    torch.testing.assert_close(output.ctc_log_probs.exp().sum(-1), torch.ones(2, 5))
    torch.testing.assert_close(output.ctc_log_probs, net.ctc(encoded.memory).log_softmax(-1))
    units = torch.tensor([[EOS, 3, 4], [EOS, 5, 0]])
    torch.testing.assert_close(output.logits, net.decoder(units, net.decoder.project_memory(encoded)))


def test_a_batch_of_empty_targets_has_the_scores_of_the_first_unit() -> None:
    net = network()
    output = net(torch.randn(2, 17, 5), torch.tensor([17, 9]), torch.zeros(2, 0, dtype=torch.int64))
    assert output.logits.shape == (2, 1, len(FACTS["units"]["names"]))


def test_the_language_model_is_counted_once() -> None:
    net = network()
    assert net.language(2) is net.language(2)
    assert net.language(3).order == 3

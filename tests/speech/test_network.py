"""Padding changes nothing, steps give what the whole text gives, and every attention fits."""

import pytest
import torch
from torch import nn

from suite.errors import UserError
from tasks.speech.losses import JointLoss, ctc_loss, decoder_loss
from tasks.speech.models.conformer import Conformer, Listener, Transformer
from tasks.speech.models.recognizer import Recognised
from tasks.speech.units import EOS
from tests.speech.conftest import network

ENCODERS = {
    "conformer": lambda: Conformer(5, 12, 2, 2, 20, 5),
    "transformer": lambda: Transformer(5, 12, 2, 2, 20),
    "listener": lambda: Listener(5, 7, 2),
    "by 8": lambda: Conformer(5, 12, 1, 2, 20, 5, factor=8),
}
STEPPED = [
    "additive",
    "dot",
    "general",
    "local_monotonic",
    "local_predictive",
    "location_sensitive",
    "monotonic",
    "cosine",
]


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_and_neighbours_change_no_output(name: str) -> None:
    torch.manual_seed(0)
    encoder = ENCODERS[name]().eval()
    lengths = [1, 2, 3, 4, 5, 9, 16, 23]
    features = [torch.randn(length, 5) for length in lengths]
    padded = torch.full((len(lengths), 37, 5), 1e3)  # padding of any value
    for row, one in zip(padded, features, strict=True):
        row[: len(one)] = one
    together = encoder(padded, torch.tensor(lengths))
    assert together.lengths.tolist() == [-(-length // encoder.factor) for length in lengths]
    for b, one in enumerate(features):
        alone = encoder(one[None], torch.tensor([len(one)]))
        size = int(alone.lengths)
        torch.testing.assert_close(together.memory[b, :size], alone.memory[0], atol=1e-5, rtol=1e-4)
        assert (together.memory[b, size:] == 0).all()


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_changes_no_gradient(name: str) -> None:
    torch.manual_seed(0)
    encoder = ENCODERS[name]().eval()
    features = torch.randn(2, 13, 5)
    grads = []
    for extra in (0, 8):
        encoder.zero_grad()
        padded = nn.functional.pad(features, (0, 0, 0, extra), value=7.0)
        encoder(padded, torch.tensor([13, 6])).memory.square().sum().backward()
        grads.append([parameter.grad.clone() for parameter in encoder.parameters() if parameter.grad is not None])
    for first, second in zip(*grads, strict=True):
        torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-3)


def test_the_conformer_sees_order() -> None:
    encoder = ENCODERS["conformer"]().eval()
    features, length = torch.randn(1, 32, 5), torch.tensor([32])
    forward, backward = encoder(features, length).memory, encoder(features.flip(1), length).memory.flip(1)
    assert (forward - backward).abs().max() > 1e-2


@pytest.mark.parametrize("attention", STEPPED)
def test_steps_of_the_speller_are_the_whole_text_and_padding_changes_nothing(attention: str) -> None:
    check_decoder(network(f"attention={attention}", model="speech/las"))


@pytest.mark.parametrize("attention", ["scaled_dot", "additive", "general", "cosine", "sparsemax", "local_predictive"])
def test_steps_of_the_transformer_are_the_whole_text_and_padding_changes_nothing(attention: str) -> None:
    check_decoder(network(f"attention={attention}"))


def check_decoder(net) -> None:
    torch.manual_seed(1)
    features, lengths = torch.randn(3, 29, 5), torch.tensor([29, 8, 18])
    units = torch.randint(3, 7, (3, 6))
    units[:, 0] = EOS
    decoder = net.decoder
    encoded = net.encode(features, lengths)
    memory = decoder.remember(encoded)
    whole = decoder(units, memory)
    state = decoder.start(memory)
    for place in range(6):
        logits, state = decoder.step(units[:, place], memory, state)
        torch.testing.assert_close(logits, whole[:, place], atol=1e-4, rtol=1e-4)
    for b, length in enumerate(encoded.lengths.tolist()):
        one = type(encoded)(encoded.memory[b : b + 1, :length], encoded.lengths[b : b + 1])
        alone = decoder(units[b : b + 1], decoder.remember(one))
        torch.testing.assert_close(alone[0], whole[b], atol=1e-4, rtol=1e-4)
    weights = decoder.weights(units, memory)
    assert weights.shape == (3, 6, encoded.memory.shape[1])
    assert (weights.masked_select(~encoded.mask[:, None].expand_as(weights)) == 0).all()


@pytest.mark.parametrize("attention", ["location_sensitive", "monotonic", "local_monotonic"])
def test_the_transformer_refuses_what_goes_step_by_step(attention: str) -> None:
    with pytest.raises(UserError, match="speech/las"):
        network(f"attention={attention}")


def test_the_joint_loss_is_its_parts_and_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    logits, log_probs = torch.randn(3, 5, 7), torch.randn(3, 11, 7).log_softmax(-1)
    lengths, target_lengths = torch.tensor([11, 7, 9]), torch.tensor([4, 2, 0])
    targets = torch.tensor([[3, 3, 4, 5], [6, 3, 0, 0], [0, 0, 0, 0]])
    loss = JointLoss(ctc_weight=0.3, smoothing=0.1)(Recognised(log_probs, lengths, logits), targets, target_lengths)
    by_ctc = ctc_loss(log_probs, lengths, targets, target_lengths)
    by_decoder = decoder_loss(logits, targets, target_lengths, 0.1)
    torch.testing.assert_close(loss, 0.3 * by_ctc + 0.7 * by_decoder)
    for b, (length, count) in enumerate(zip(lengths.tolist(), target_lengths.tolist(), strict=True)):
        wanted = torch.tensor([*targets[b, :count].tolist(), EOS])
        slow = nn.functional.cross_entropy(logits[b, : count + 1], wanted, reduction="sum", label_smoothing=0.1)
        torch.testing.assert_close(by_decoder[b], slow)
        alone = nn.functional.ctc_loss(log_probs[b, :length], targets[b, :count], (length,), (count,), reduction="none")
        torch.testing.assert_close(by_ctc[b], alone)


def test_a_text_that_does_not_fit_counts_nothing_in_ctc() -> None:
    log_probs = torch.randn(1, 2, 7).log_softmax(-1)
    assert ctc_loss(log_probs, torch.tensor([2]), torch.tensor([[3, 3]]), torch.tensor([2])).item() == 0.0

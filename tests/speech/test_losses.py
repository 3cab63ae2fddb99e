"""The joint loss against torch's losses of single utterances."""

import pytest
import torch
from torch import nn

from suite.errors import UserError
from tasks.speech.losses import JointLoss, ctc_loss, decoder_loss
from tasks.speech.models.recognizer import RecognizerOutput
from tasks.speech.units import EOS


def test_the_joint_loss_is_the_weighted_sum_and_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    logits, log_probs = torch.randn(3, 5, 7), torch.randn(3, 11, 7).log_softmax(-1)
    lengths, target_lengths = torch.tensor([11, 7, 9]), torch.tensor([4, 2, 0])
    targets = torch.tensor([[3, 3, 4, 5], [6, 3, 0, 0], [0, 0, 0, 0]])
    output = RecognizerOutput(log_probs, lengths, logits)
    loss = JointLoss(ctc_weight=0.3, smoothing=0.1)(output, targets, target_lengths)
    by_ctc = ctc_loss(log_probs, lengths, targets, target_lengths)
    by_decoder = decoder_loss(logits, targets, target_lengths, 0.1)
    torch.testing.assert_close(loss, 0.3 * by_ctc + 0.7 * by_decoder)
    for b, (length, count) in enumerate(zip(lengths.tolist(), target_lengths.tolist(), strict=True)):
        wanted = torch.tensor([*targets[b, :count].tolist(), EOS])
        slow = nn.functional.cross_entropy(logits[b, : count + 1], wanted, reduction="sum", label_smoothing=0.1)
        torch.testing.assert_close(by_decoder[b], slow)
        alone = nn.functional.ctc_loss(log_probs[b, :length], targets[b, :count], (length,), (count,), reduction="none")
        torch.testing.assert_close(by_ctc[b], alone)


def test_a_text_with_more_units_than_positions_has_ctc_loss_0() -> None:
    log_probs = torch.randn(1, 2, 7).log_softmax(-1)
    assert ctc_loss(log_probs, torch.tensor([2]), torch.tensor([[3, 3]]), torch.tensor([2])).item() == 0.0


def test_a_ctc_weight_out_of_range_is_rejected() -> None:
    with pytest.raises(UserError, match=r"module\.loss\.ctc_weight must be between 0 and 1, got 1\.5"):
        JointLoss(ctc_weight=1.5, smoothing=0.1)

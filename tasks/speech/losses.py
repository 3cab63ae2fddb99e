"""What training makes small: CTC's loss, the attention decoder's, both."""

# B utterances, S positions, U units, V number of units

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.errors import UserError
from tasks.speech.models.recognizer import Recognised
from tasks.speech.units import BLANK, EOS


class JointLoss:
    """loss = w ctc + (1 - w) attention   (Watanabe et al. 2017, eq. 28), each in nats an utterance.

    ctc = -log P(text), the sum over all ways through the positions (Graves et al. 2006); an utterance with fewer
    positions than its text needs counts 0. attention = cross-entropy of every unit and of the end after the true units
    before it, with ``smoothing`` (Szegedy et al. 2016).

    Args:
        ctc_weight: w in [0, 1]; 0 trains the attention decoder alone, 1 CTC alone.
        smoothing: share of a target spread over all units.
    """

    def __init__(self, ctc_weight: float = 0.3, smoothing: float = 0.1) -> None:
        if not 0.0 <= ctc_weight <= 1.0:
            raise UserError(f"module.loss.ctc_weight={ctc_weight} should be between 0 and 1")
        self.ctc_weight, self.smoothing = ctc_weight, smoothing

    def __call__(self, recognised: Recognised, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """The loss of every utterance (B,); targets (B, U), 0 beyond their lengths."""
        loss = recognised.ctc.new_zeros(len(targets))
        if self.ctc_weight > 0.0:
            loss = loss + self.ctc_weight * ctc_loss(recognised.ctc, recognised.lengths, targets, target_lengths)
        if self.ctc_weight < 1.0:
            spoken = decoder_loss(recognised.logits, targets, target_lengths, self.smoothing)
            loss = loss + (1.0 - self.ctc_weight) * spoken
        return loss


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Log-probabilities (B, S, V) -> (B,)."""
    return F.ctc_loss(
        log_probs.transpose(0, 1), targets, lengths, target_lengths, BLANK, reduction="none", zero_infinity=True
    )


def decoder_loss(logits: Tensor, targets: Tensor, target_lengths: Tensor, smoothing: float = 0.0) -> Tensor:
    """Scores (B, U + 1, V) of every unit and of the end -> (B,)."""
    wanted = F.pad(targets, (0, 1)).scatter(1, target_lengths[:, None], EOS)
    losses = F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none", label_smoothing=smoothing)
    counted = torch.arange(wanted.shape[1], device=wanted.device) <= target_lengths[:, None]
    return (losses * counted).sum(dim=1)

"""Training losses: CTC, the cross-entropy of the attention decoder, and their weighted sum."""

# B utterances, S positions, U units, V number of units

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.errors import UserError
from tasks.speech.models.recognizer import RecognizerOutput
from tasks.speech.units import BLANK, EOS


class JointLoss:
    """loss = w ctc + (1 - w) attention   (Watanabe et al. 2017, eq. 28), in nats for each utterance.

    ctc = -log P(text), where P sums over all CTC paths (Graves et al. 2006); it is 0 for an utterance with fewer
    positions than its text needs. attention = cross-entropy of all units and of the end, given the true previous units,
    with label smoothing (Szegedy et al. 2016).

    Args:
        ctc_weight: w; 0 trains the attention decoder alone, 1 trains CTC alone.
        smoothing: probability mass of a target that is spread over all units.

    Raises:
        UserError: if ``ctc_weight`` is not in [0, 1].
    """

    def __init__(self, ctc_weight: float, smoothing: float) -> None:
        if not 0.0 <= ctc_weight <= 1.0:
            raise UserError(f"module.loss.ctc_weight must be between 0 and 1, got {ctc_weight}")
        self.ctc_weight, self.smoothing = ctc_weight, smoothing

    def __call__(self, output: RecognizerOutput, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """Return the loss of every utterance (B,); targets (B, U) are 0 beyond their lengths."""
        loss = output.ctc_log_probs.new_zeros(len(targets))
        if self.ctc_weight > 0.0:
            loss = loss + self.ctc_weight * ctc_loss(output.ctc_log_probs, output.lengths, targets, target_lengths)
        if self.ctc_weight < 1.0:
            attention = decoder_loss(output.logits, targets, target_lengths, self.smoothing)
            loss = loss + (1.0 - self.ctc_weight) * attention
        return loss


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Return the CTC loss of every utterance: log-probabilities (B, S, V) -> (B,). Half precision sums in float32."""
    wide = torch.float64 if log_probs.dtype == torch.float64 else torch.float32
    return F.ctc_loss(
        log_probs.to(wide).transpose(0, 1),
        targets,
        lengths,
        target_lengths,
        BLANK,
        reduction="none",
        zero_infinity=True,
    )


def decoder_loss(logits: Tensor, targets: Tensor, target_lengths: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of all units and of the end, summed over each text: scores (B, U + 1, V) -> (B,)."""
    wanted = F.pad(targets, (0, 1)).scatter(1, target_lengths[:, None], EOS)
    losses = F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none", label_smoothing=smoothing)
    counted = torch.arange(wanted.shape[1], device=wanted.device) <= target_lengths[:, None]
    return (losses * counted).sum(dim=1)

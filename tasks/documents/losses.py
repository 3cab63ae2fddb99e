"""The loss of document classification."""

# N documents, C classes

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor, per_document: bool = False) -> Tensor:
    """Return the cross-entropy of logits (N, C) and labels (N,): its mean, or one value for each document (N,)."""
    return F.cross_entropy(logits, labels, reduction="none" if per_document else "mean")

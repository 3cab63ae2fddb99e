"""The loss of node classification."""

# N nodes, C classes

import torch.nn.functional as F
from torch import Tensor


def node_cross_entropy(logits: Tensor, labels: Tensor, nodes: Tensor) -> Tensor:
    """Mean cross-entropy of some nodes: logits (N, C), labels (N,), indices (n,) -> a scalar."""
    return F.cross_entropy(logits[nodes], labels[nodes])

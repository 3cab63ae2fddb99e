"""Metrics of node classification."""

# N nodes, C classes

from torch import Tensor

from tasks.graph.losses import node_cross_entropy


def node_metrics(logits: Tensor, labels: Tensor, nodes: Tensor) -> dict[str, float]:
    """Loss (mean cross-entropy) and accuracy of some nodes: logits (N, C), labels (N,), indices (n,).

    >>> import torch
    >>> metrics = node_metrics(torch.eye(3), torch.tensor([0, 1, 0]), torch.tensor([1, 2]))
    >>> metrics["accuracy"]
    0.5
    """
    correct = (logits[nodes].argmax(dim=-1) == labels[nodes]).sum()
    return {
        "loss": float(node_cross_entropy(logits, labels, nodes)),
        "accuracy": int(correct) / len(nodes),
    }

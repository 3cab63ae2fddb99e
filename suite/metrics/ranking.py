"""Metrics of ranked lists with one relevant item for each event."""

# B events, I items (column 0 of scores is padding and no item), K length of the list

import torch
from torch import Tensor


def target_ranks(scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """The rank of every target among all items by score, counted from 0: (B, I + 1), (B,) -> (B,) int64.

    Column 0 is padding and takes no part. ``seen`` are the rows and the items of what is left out of the ranking; a
    target that is among them stays in. Ties count against the model: all other items with the target's score are
    ranked before it, and so are items with the score NaN. A model with constant scores is thus the worst, not the best.

    >>> target_ranks(torch.tensor([[0.0, 0.3, 0.9, 0.5]]), torch.tensor([3]))
    tensor([1])
    """
    rows = torch.arange(len(targets), device=targets.device)
    at_target = scores[rows, targets][:, None]
    before = ~(scores < at_target)
    before[:, 0] = False
    if seen is not None:
        before[seen] = False
    before[rows, targets] = False
    return before.sum(1)


def ranking_metrics(ranks: Tensor, k: int) -> dict[str, float]:
    """Hit rate, NDCG and MRR of the first ``k`` items of a list, from the ranks (B,) of one target for each event.

    HR = mean of [rank < k];  NDCG = mean of [rank < k] / log2(rank + 2);  MRR = mean of [rank < k] / (rank + 1)

    >>> ranking_metrics(torch.tensor([0, 12]), k=10)
    {'hr@10': 0.5, 'ndcg@10': 0.5, 'mrr@10': 0.5}
    """
    ranks = ranks.double()
    hit = (ranks < k).double()
    return {
        f"hr@{k}": float(hit.mean()),
        f"ndcg@{k}": float((hit / (ranks + 2).log2()).mean()),
        f"mrr@{k}": float((hit / (ranks + 1)).mean()),
    }


def top_items(scores: Tensor, k: int, seen: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """The ``k`` items with the highest scores in each row, best first: (B, I + 1) -> (B, min(k, I)) ints.

    ``seen`` are the rows and the items of what comes last; such items fill the list only if nothing else is left.
    """
    scores = scores.clone()
    scores[:, 0] = -torch.inf
    if seen is not None:
        scores[seen] = -torch.inf
    return scores.topk(min(k, scores.shape[1] - 1), dim=1).indices

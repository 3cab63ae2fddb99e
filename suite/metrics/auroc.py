"""Area under the ROC curve, over all samples and within groups."""

# N samples

import math

import torch
from torch import Tensor


def auroc(scores: Tensor, positive: Tensor, undefined: float = math.nan) -> float:
    """Area under the ROC curve: the probability that a positive sample scores above a negative one; ties count half.

    AUROC = (sum of ranks of the positives - P (P + 1) / 2) / (P Q)   (Mann & Whitney 1947; Fawcett 2006, section 7)

    with P positives and Q negatives; tied scores share their mean rank.

    Args:
        scores: (N,).
        positive: (N,) bool.
        undefined: returned if there are no positives or no negatives.

    >>> auroc(torch.tensor([0.1, 0.4, 0.4, 0.8]), torch.tensor([False, True, False, True]))
    0.875
    """
    _, place, count = scores.double().unique(return_inverse=True, return_counts=True)
    rank = (count.cumsum(0) - (count - 1) / 2.0)[place]
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return undefined
    return float((rank[positive].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def grouped_auroc(scores: Tensor, positive: Tensor, groups: Tensor, undefined: float = math.nan) -> float:
    """Mean of the AUROC within each group, weighted by the number of its samples (GAUC; Zhou et al. 2018, eq. 7).

    Groups without positives or without negatives are left out.

    Args:
        scores: (N,).
        positive: (N,) bool.
        groups: (N,) ints, for example the user of each sample.
        undefined: returned if no group has both positives and negatives.
    """
    ranks = _ranks_within(scores, groups)
    _, group, samples = groups.unique(return_inverse=True, return_counts=True)
    positives = torch.zeros(len(samples), dtype=torch.float64, device=scores.device)
    total = positives.clone()
    positives.index_add_(0, group, positive.double())
    total.index_add_(0, group, ranks * positive)
    negatives = samples - positives
    both = (positives > 0) & (negatives > 0)
    if not bool(both.any()):
        return undefined
    area = (total - positives * (positives + 1) / 2)[both] / (positives * negatives)[both]
    return float((area * samples[both]).sum() / samples[both].sum())


def _ranks_within(scores: Tensor, groups: Tensor) -> Tensor:
    """The rank of every score in its group, (N,), counted from 1; tied scores share their mean rank."""
    by_score = scores.argsort(stable=True)
    order = by_score[groups[by_score].argsort(stable=True)]
    group, score = groups[order], scores[order]
    place = torch.arange(len(order), dtype=torch.float64, device=scores.device)
    new_group = torch.ones_like(group, dtype=torch.bool)
    new_group[1:] = group[1:] != group[:-1]
    new_score = new_group.clone()
    new_score[1:] |= score[1:] != score[:-1]
    begin = place[new_group][new_group.cumsum(0) - 1]
    tied = new_score.cumsum(0) - 1
    mean = place[new_score] + (torch.bincount(tied) - 1) / 2
    ranks = torch.empty_like(place)
    ranks[order] = mean[tied] - begin + 1
    return ranks

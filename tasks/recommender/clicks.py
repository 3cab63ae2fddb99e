"""Training and measuring of models that tell how likely an item is liked."""

# N events, U users

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.training.task_module import SampleResults, TaskModule
from tasks.recommender.batches import HistoryBatch
from tasks.recommender.din import DIN


class Liking(TaskModule):
    """Binary cross-entropy of every event; AUC and AUC within users of a split."""

    net: DIN

    def compute_loss(self, batch: HistoryBatch) -> Tensor:
        """Binary cross-entropy, the mean over events."""
        logits = self.net(batch.items, batch.liked, batch.users)
        real = batch.items > 0
        return F.binary_cross_entropy_with_logits(logits[real], batch.liked[real].float())

    def per_sample(self, batch: HistoryBatch) -> SampleResults:
        """What the model says of every event, whether it was liked, and by whom."""
        assert batch.targets is not None
        assert batch.targets_liked is not None
        logits = self.net.ask(batch.items, batch.liked, batch.lengths, batch.users, batch.targets[:, None])[:, 0]
        return {"logit": logits, "liked": batch.targets_liked, "user": batch.users}

    def compute_metrics(self, rows: SampleResults) -> dict[str, float]:
        """AUC of all events, and within users."""
        logits, liked, users = rows["logit"], rows["liked"], rows["user"]
        loss = F.binary_cross_entropy_with_logits(logits, liked.float())
        return {"auc": auc(logits, liked), "group_auc": group_auc(logits, liked, users), "loss": float(loss)}


def auc(scores: Tensor, liked: Tensor) -> float:
    """The chance that a liked event scores above one that is not; ties count half. 0.5 where one kind is missing.

    AUC = (sum of ranks of the liked - P (P + 1) / 2) / (P Q)   (Mann & Whitney 1947; Fawcett 2006, section 7)
    """
    return group_auc(scores, liked, torch.zeros(len(scores), dtype=torch.long, device=scores.device))


def group_auc(scores: Tensor, liked: Tensor, users: Tensor) -> float:
    """AUC within each user, weighted by events; users with one kind only have none (Zhou et al. 2018, eq. 7)."""
    ranks = _ranks_within(scores, users)
    _, user, events = users.unique(return_inverse=True, return_counts=True)
    positive = torch.zeros(len(events), dtype=torch.float64, device=scores.device)
    total = positive.clone()
    positive.index_add_(0, user, liked.double())
    total.index_add_(0, user, ranks * liked)
    negative = events - positive
    both = (positive > 0) & (negative > 0)
    if not bool(both.any()):
        return 0.5
    each = (total - positive * (positive + 1) / 2)[both] / (positive * negative)[both]
    return float((each * events[both]).sum() / events[both].sum())


def _ranks_within(scores: Tensor, users: Tensor) -> Tensor:
    """The rank from 1 of every score among those of its user, (N,); equal scores share their mean rank."""
    by_score = scores.argsort(stable=True)
    order = by_score[users[by_score].argsort(stable=True)]
    user, score = users[order], scores[order]
    place = torch.arange(len(order), dtype=torch.float64, device=scores.device)
    new_user = torch.ones_like(user, dtype=torch.bool)
    new_user[1:] = user[1:] != user[:-1]
    tied = new_user.clone()
    tied[1:] |= score[1:] != score[:-1]
    begin = place[new_user][new_user.cumsum(0) - 1]  # of each user
    group = tied.cumsum(0) - 1
    count = torch.bincount(group)
    mean = place[tied] + (count - 1) / 2
    ranks = torch.empty_like(place)
    ranks[order] = mean[group] - begin + 1
    return ranks

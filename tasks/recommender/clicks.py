"""Training and measuring of models that tell how likely an item is liked."""

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.metrics.auroc import grouped_auroc
from suite.training.task_module import SampleResults, TaskModule
from tasks.recommender.batch import HistoryBatch
from tasks.recommender.models.din import DIN


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
        return {
            "auc": grouped_auroc(logits, liked, torch.zeros_like(users), undefined=0.5),
            "group_auc": grouped_auroc(logits, liked, users, undefined=0.5),
            "loss": float(loss),
        }

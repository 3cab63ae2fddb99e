"""Lightning modules: models that rank the next item, and models that predict whether an item is liked."""

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.metrics.auroc import grouped_auroc
from suite.metrics.ranking import ranking_metrics, top_items
from suite.training.base_task_module import OptimizerFactory
from suite.training.schedule import Schedule
from suite.training.task_module import SampleResults, TaskModule
from tasks.recommender.batch import HistoryBatch
from tasks.recommender.losses import ItemLoss
from tasks.recommender.metrics import FullRanking, find_protocol, list_metrics
from tasks.recommender.models.din import DIN
from tasks.recommender.models.sequence_encoder import SequenceEncoder


class NextItem(TaskModule):
    """Predicts the next item: ``loss`` of ``net.training_pairs`` in training, ranking metrics in evaluation.

    Args:
        net: SASRec or BERT4Rec.
        optim: makes the optimizer from the parameters.
        loss: compares hidden states with item embeddings (``tasks.recommender.losses``).
        protocol: full | full_unfiltered | sampled100. Metrics of the full ranking are always computed; those of another
            protocol are added, with its suffix.
        ks: lengths of the list that the metrics look at.
    """

    net: SequenceEncoder

    def __init__(
        self,
        net: SequenceEncoder,
        optim: OptimizerFactory,
        loss: ItemLoss,
        protocol: str = "full",
        ks: tuple[int, ...] = (10,),
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(net, optim, schedule)
        self.loss = loss
        self.rankings = {ranking.suffix: ranking for ranking in (FullRanking(), find_protocol(protocol))}
        self.ks = tuple(ks)

    def compute_loss(self, batch: HistoryBatch) -> Tensor:
        """The loss of all positions of a batch that have a target, a scalar."""
        hidden, targets = self.net.training_pairs(batch.items, batch.lengths)
        loss: Tensor = self.loss(hidden, targets, self.net.table())
        return loss

    def per_sample(self, batch: HistoryBatch) -> SampleResults:
        """The rank of each target under each protocol, and the recommended list."""
        assert batch.targets is not None
        assert batch.seen is not None
        scores = self.net.scores(batch.items, batch.lengths)
        ranks = {f"rank{suffix}": rank(scores, batch.targets, batch.seen) for suffix, rank in self.rankings.items()}
        return {**ranks, "list": top_items(scores, max(self.ks), batch.seen)}

    def compute_metrics(self, samples: SampleResults) -> dict[str, float]:
        """Hit rate, NDCG and MRR under each protocol; coverage and popularity of the lists."""
        metrics: dict[str, float] = {}
        for k in self.ks:
            for suffix in self.rankings:
                named = ranking_metrics(samples[f"rank{suffix}"], k)
                metrics |= {f"{name}{suffix}": value for name, value in named.items()}
            metrics |= list_metrics(samples["list"][:, :k], self.net.popularity)
        return metrics


class Liking(TaskModule):
    """Predicts whether a user likes an item: binary cross-entropy in training, AUROC in evaluation."""

    net: DIN

    def compute_loss(self, batch: HistoryBatch) -> Tensor:
        """Binary cross-entropy, the mean over the events of a batch."""
        logits = self.net(batch.items, batch.liked, batch.users)
        real = batch.items > 0
        return F.binary_cross_entropy_with_logits(logits[real], batch.liked[real].float())

    def per_sample(self, batch: HistoryBatch) -> SampleResults:
        """The logit of each target, whether it was liked, and the user."""
        assert batch.targets is not None
        assert batch.targets_liked is not None
        logits = self.net.ask(batch.items, batch.liked, batch.lengths, batch.users, batch.targets[:, None])[:, 0]
        return {"logit": logits, "liked": batch.targets_liked, "user": batch.users}

    def compute_metrics(self, samples: SampleResults) -> dict[str, float]:
        """AUROC of all events (auc), its mean within users (group_auc), and the loss; 0.5 where AUROC is undefined."""
        logits, liked, users = samples["logit"], samples["liked"], samples["user"]
        return {
            "auc": grouped_auroc(logits, liked, torch.zeros_like(users), undefined=0.5),  # one group, in float64
            "group_auc": grouped_auroc(logits, liked, users, undefined=0.5),
            "loss": float(F.binary_cross_entropy_with_logits(logits, liked.float())),
        }

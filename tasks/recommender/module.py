"""Training and measuring of models that rank items."""

from torch import Tensor

from suite.metrics.ranking import ranking_metrics, top_items
from suite.training.base_task_module import OptimizerFactory
from suite.training.schedule import Schedule
from suite.training.task_module import SampleResults, TaskModule
from tasks.recommender.batch import HistoryBatch
from tasks.recommender.losses import ItemLoss
from tasks.recommender.metrics import FullRanking, beyond_accuracy, find_protocol
from tasks.recommender.models.sasrec import SequenceEncoder


class NextItem(TaskModule):
    """What comes next, of all items: ``net.training_pairs`` under ``loss``; ranking metrics of what came.

    Args:
        loss: compares hidden states and items (``losses``).
        protocol: full | full_unfiltered | sampled100; the others stand beside the full ranking, under their names.
        ks: lengths of the list that metrics look at.
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
        """The loss of all positions of a batch that have a target."""
        hidden, targets = self.net.training_pairs(batch.items, batch.lengths)
        loss: Tensor = self.loss(hidden, targets, self.net.table())
        return loss

    def per_sample(self, batch: HistoryBatch) -> SampleResults:
        """The place of every target under each protocol, and the list of those that would be shown."""
        assert batch.targets is not None
        assert batch.seen is not None
        scores = self.net.scores(batch.items, batch.lengths)
        places = {f"place{suffix}": rank(scores, batch.targets, batch.seen) for suffix, rank in self.rankings.items()}
        return {**places, "list": top_items(scores, max(self.ks), batch.seen)}

    def compute_metrics(self, rows: SampleResults) -> dict[str, float]:
        """Accuracy under each protocol, and what is recommended at all."""
        told: dict[str, float] = {}
        for k in self.ks:
            for suffix in self.rankings:
                metrics = ranking_metrics(rows[f"place{suffix}"], k)
                told |= {f"{name}{suffix}": value for name, value in metrics.items()}
            told |= beyond_accuracy([rows["list"][:, :k]], self.net.popularity, k)
        return told

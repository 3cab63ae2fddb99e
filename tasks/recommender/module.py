"""Training and measuring of models that rank items."""

from typing import Any

import torch
from torch import Tensor

from suite.training.module import OptimizerFactory, TaskModule
from tasks.recommender.batches import HistoryBatch
from tasks.recommender.evaluation import accuracy, beyond_accuracy, find_protocol, recommended
from tasks.recommender.losses import ItemLoss
from tasks.recommender.sasrec import SequenceEncoder


class NextItem(TaskModule):
    """What comes next, of all items: ``net.training_pairs`` under ``loss``; ranking metrics of what came.

    Args:
        loss: compares hidden states and items (``losses``).
        protocol: full | full_unfiltered | sampled100; the last stands in the name of every metric it made.
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
    ) -> None:
        super().__init__(net, optim)
        self.loss = loss
        self.ranking = find_protocol(protocol)
        self.ks = tuple(ks)
        self._losses: list[Tensor] = []
        self._places: list[Tensor] = []
        self._lists: list[Tensor] = []

    def training_step(self, batch: HistoryBatch, batch_idx: int) -> Tensor:
        """The loss of one batch of windows."""
        hidden, targets = self.net.training_pairs(batch.items, batch.lengths)
        loss: Tensor = self.loss(hidden, targets, self.net.table())
        self._losses.append(loss.detach())
        return loss

    def on_validation_epoch_start(self) -> None:
        """Begin a round."""
        self._places, self._lists = [], []

    on_test_epoch_start = on_validation_epoch_start

    @torch.no_grad()
    def validation_step(self, batch: HistoryBatch, batch_idx: int) -> None:
        """Rank one batch."""
        assert batch.targets is not None
        assert batch.seen is not None
        scores = self.net.scores(batch.items, batch.lengths)
        self._places.append(self.ranking(scores, batch.targets, batch.seen))
        self._lists.append(recommended(scores, max(self.ks), batch.seen if self.ranking.filter_seen else None))

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        """Report the round."""
        loss = torch.stack(self._losses).mean() if self._losses else torch.zeros(())
        self._losses = []
        self.report({"train/loss": float(loss), **self._figures("val")})

    def on_test_epoch_end(self) -> None:
        """Leave the figures of ``self.split``."""
        self.metrics = self._figures(self.split)

    def _figures(self, split: str) -> dict[str, float]:
        places = torch.cat(self._places)
        figures: dict[str, Any] = {}
        for k in self.ks:
            figures |= {f"{name}{self.ranking.suffix}": value for name, value in accuracy(places, k).items()}
            figures |= beyond_accuracy([rows[:, :k] for rows in self._lists], self.net.popularity, k)
        return {f"{split}/{name}": value for name, value in figures.items()}

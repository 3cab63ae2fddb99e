"""Training and measuring of models that rank items."""

from typing import Any

import torch
from torch import Tensor, nn

from suite.training.module import OptimizerFactory, TaskModule
from tasks.recommender.batches import HistoryBatch
from tasks.recommender.evaluation import FullRanking, accuracy, beyond_accuracy, find_protocol, recommended
from tasks.recommender.losses import ItemLoss
from tasks.recommender.sasrec import SequenceEncoder


class Measuring(TaskModule):
    """Measures the validation split after every epoch, and any split when asked, batch by batch.

    A subclass writes ``loss_of``, ``begin``, ``keep`` and ``figures``. Lightning's own validation loop is left aside:
    it would skip an epoch that ``max_steps`` cuts short.
    """

    def __init__(self, net: nn.Module, optim: OptimizerFactory) -> None:
        super().__init__(net, optim)
        self._losses: list[Tensor] = []

    def loss_of(self, batch: HistoryBatch) -> Tensor:
        """What training makes small."""
        raise NotImplementedError

    def begin(self) -> None:
        """Forget what was kept."""
        raise NotImplementedError

    def keep(self, batch: HistoryBatch) -> None:
        """Measure one batch and keep what ``figures`` needs."""
        raise NotImplementedError

    def figures(self) -> dict[str, float]:
        """The metrics of all that was kept, by name without split."""
        raise NotImplementedError

    def training_step(self, batch: HistoryBatch, batch_idx: int) -> Tensor:
        """The loss of one batch of windows."""
        loss = self.loss_of(batch)
        self._losses.append(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        """Measure the validation split and report the round."""
        loss, self._losses = torch.stack(self._losses).mean(), []
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        self.net.eval()
        self.begin()
        with torch.no_grad():
            for batch in data.split_dataloader("val"):
                self.keep(batch.to(self.device))
        self.net.train()
        self.report({"train/loss": float(loss), **{f"val/{name}": value for name, value in self.figures().items()}})

    def on_test_epoch_start(self) -> None:
        """Begin a split."""
        self.begin()

    def test_step(self, batch: HistoryBatch, batch_idx: int) -> None:
        """Measure one batch of the split that ``self.split`` names."""
        self.keep(batch)

    def on_test_epoch_end(self) -> None:
        """Leave its figures."""
        self.metrics = {f"{self.split}/{name}": value for name, value in self.figures().items()}


class NextItem(Measuring):
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
    ) -> None:
        super().__init__(net, optim)
        self.loss = loss
        self.rankings = {ranking.suffix: ranking for ranking in (FullRanking(), find_protocol(protocol))}
        self.ks = tuple(ks)
        self._places: dict[str, list[Tensor]] = {}
        self._lists: list[Tensor] = []

    def loss_of(self, batch: HistoryBatch) -> Tensor:  # noqa: D102
        hidden, targets = self.net.training_pairs(batch.items, batch.lengths)
        loss: Tensor = self.loss(hidden, targets, self.net.table())
        return loss

    def begin(self) -> None:  # noqa: D102
        self._places, self._lists = {suffix: [] for suffix in self.rankings}, []

    def keep(self, batch: HistoryBatch) -> None:  # noqa: D102
        assert batch.targets is not None
        assert batch.seen is not None
        scores = self.net.scores(batch.items, batch.lengths)
        for suffix, ranking in self.rankings.items():
            self._places[suffix].append(ranking(scores, batch.targets, batch.seen))
        self._lists.append(recommended(scores, max(self.ks), batch.seen))

    def figures(self) -> dict[str, float]:  # noqa: D102
        told: dict[str, float] = {}
        for k in self.ks:
            for suffix, places in self._places.items():
                told |= {f"{name}{suffix}": value for name, value in accuracy(torch.cat(places), k).items()}
            told |= beyond_accuracy([rows[:, :k] for rows in self._lists], self.net.popularity, k)
        return told

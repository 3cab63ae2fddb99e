"""Loss and error rates of recognising speech."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from suite.training.base_task_module import OptimizerFactory
from suite.training.task_module import SampleResults, TaskModule
from tasks.speech.batch import SpeechBatch
from tasks.speech.metrics import edit_rows, rates
from tasks.speech.models.recognizer import Recognised
from tasks.speech.search.beam import BeamSearch, greedy_ctc

Loss = Callable[[Recognised, Tensor, Tensor], Tensor]


class Recognition(TaskModule):
    """Joint loss, error rates by word and character.

    While training, validation writes greedily: ``wer`` is that of CTC, or of the decoder where CTC is not trained.
    Measured afterwards, ``wer`` is that of ``search``; ``ctc_wer`` and ``attention_wer`` are those of the same beam
    with CTC and with attention alone and no language model, as far as they are trained.

    Args:
        loss: of every utterance, from what was recognised, the targets and their lengths.
        search: writes the texts that count.
    """

    def __init__(self, net: nn.Module, optim: OptimizerFactory, loss: Loss, search: BeamSearch, **more: Any) -> None:
        super().__init__(net, optim, **more)
        self.loss, self.search = loss, search
        ctc_weight = getattr(loss, "ctc_weight", 0.5)
        self.ways = {
            name: weight
            for name, weight, trained in (("ctc", 1.0, ctc_weight > 0.0), ("attention", 0.0, ctc_weight < 1.0))
            if trained
        }

    def forward(self, batch: SpeechBatch) -> Recognised:
        """Recognise a batch whose texts are known."""
        recognised: Recognised = self.net(batch.features, batch.lengths, batch.targets)
        return recognised

    def compute_loss(self, batch: SpeechBatch) -> Tensor:
        """The loss in nats a unit."""
        losses = self.loss(self(batch), batch.targets, batch.target_lengths)
        return losses.sum() / (batch.target_lengths + 1).sum()

    def per_sample(self, batch: SpeechBatch) -> SampleResults:
        """Loss of every utterance, its units, and its edits in every way of writing it."""
        recognised = self(batch)
        rows = {
            "loss": self.loss(recognised, batch.targets, batch.target_lengths),
            "units": batch.target_lengths + 1,
        }
        if self.trainer.testing:
            encoded = self.net.encode(batch.features, batch.lengths)  # type: ignore[operator]
            for name, search in self._searches().items():
                found = [texts[0].units if texts else [] for texts in search(self.net, encoded)]  # type: ignore[arg-type]
                rows[name] = self._edits(batch, found)
        elif "ctc" in self.ways:
            rows["edits"] = self._edits(batch, greedy_ctc(recognised.ctc, recognised.lengths))
        else:
            encoded = self.net.encode(batch.features, batch.lengths)  # type: ignore[operator]
            found = [texts[0].units for texts in BeamSearch(beam=1, ctc_weight=0.0)(self.net, encoded)]  # type: ignore[arg-type]
            rows["edits"] = self._edits(batch, found)
        return rows

    def compute_metrics(self, rows: SampleResults) -> dict[str, float]:
        """Loss a unit and the rates of ``edits.rates``; of single ways their word and character error rates."""
        figures = {"loss": float(rows["loss"].double().sum() / rows["units"].sum()), **rates(rows["edits"])}
        for way in self.ways:
            if f"{way}_edits" in rows:
                told = rates(rows[f"{way}_edits"])
                figures |= {f"{way}_wer": told["wer"], f"{way}_cer": told["cer"]}
        return figures

    def _searches(self) -> dict[str, BeamSearch]:
        """The search that counts, and those of single ways."""
        alone = {
            f"{name}_edits": BeamSearch(self.search.beam, weight, candidates=self.search.candidates)
            for name, weight in self.ways.items()
        }
        return {"edits": self.search, **alone}

    def _edits(self, batch: SpeechBatch, found: list[list[int]]) -> Tensor:
        decode = self.net.units.decode  # type: ignore[union-attr]
        return edit_rows(batch.texts, [decode(units) for units in found]).to(self.device)  # type: ignore[operator]

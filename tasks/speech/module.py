"""The LightningModule of speech recognition: joint loss and error rates."""

from collections.abc import Callable

from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from torch import Tensor

from suite.training.base_task_module import OptimizerFactory
from suite.training.schedule import Schedule
from suite.training.task_module import SampleResults, TaskModule
from tasks.speech.batch import SpeechBatch
from tasks.speech.metrics import edit_counts, error_rates
from tasks.speech.models.recognizer import Recognizer, RecognizerOutput
from tasks.speech.search.beam import BeamSearch
from tasks.speech.search.greedy import greedy_ctc

Loss = Callable[[RecognizerOutput, Tensor, Tensor], Tensor]


class SpeechRecognition(TaskModule):
    """Trains a recognizer and measures word and character error rates.

    During training, ``val/wer`` is that of greedy CTC decoding, or of greedy decoding by the attention decoder if CTC
    is not trained. When a trained model is evaluated, ``wer`` is that of ``search``. ``ctc_wer`` and ``attention_wer``
    are those of a beam of the same size with a single output and no language model, for outputs that are trained.

    Args:
        net: the recognizer.
        optim: makes the optimizer.
        loss: returns the loss of every utterance from the output, the targets and their lengths.
        search: recognizes the texts in an evaluation.
        schedule: of the learning rate; None keeps it constant.
    """

    net: Recognizer

    def __init__(
        self,
        net: Recognizer,
        optim: OptimizerFactory,
        loss: Loss,
        search: BeamSearch,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(net, optim, schedule)
        self.loss, self.search = loss, search
        trained = getattr(loss, "ctc_weight", 0.5)
        self.outputs = {"ctc": 1.0} if trained > 0.0 else {}  # name of each trained output -> CTC weight of its search
        self.outputs |= {"attention": 0.0} if trained < 1.0 else {}

    def forward(self, batch: SpeechBatch) -> RecognizerOutput:
        """Return both outputs for a batch with targets."""
        output: RecognizerOutput = self.net(batch.features, batch.lengths, batch.targets)
        return output

    def compute_loss(self, batch: SpeechBatch) -> Tensor:
        """Return the loss in nats for each unit of the targets."""
        losses = self.loss(self(batch), batch.targets, batch.target_lengths)
        return losses.sum() / (batch.target_lengths + 1).sum()

    def per_sample(self, batch: SpeechBatch) -> SampleResults:
        """Return loss, number of units and edit counts of every utterance."""
        output = self(batch)
        results = {
            "loss": self.loss(output, batch.targets, batch.target_lengths),
            "units": batch.target_lengths + 1,
        }
        if self._training_runs():
            return {**results, "edits": self._edits(batch, self._greedy(batch, output))}
        encoded = self.net.encode(batch.features, batch.lengths)
        for name, search in self._searches().items():
            found = [texts[0].units if texts else [] for texts in search(self.net, encoded)]
            results[name] = self._edits(batch, found)
        return results

    def compute_metrics(self, results: SampleResults) -> dict[str, float]:
        """Return the loss of a unit, the error rates, and the error rates of each output alone."""
        metrics = {"loss": float(results["loss"].double().sum() / results["units"].sum())}
        metrics |= error_rates(results["edits"])
        for output in self.outputs:
            if f"{output}_edits" in results:
                rates = error_rates(results[f"{output}_edits"])
                metrics |= {f"{output}_wer": rates["wer"], f"{output}_cer": rates["cer"]}
        return metrics

    def _training_runs(self) -> bool:
        """Whether the metrics are those of an epoch of training, for which greedy decoding is fast enough."""
        if self._trainer is None:
            return False
        state = self._trainer.state
        return state.fn == TrainerFn.FITTING and state.status == TrainerStatus.RUNNING

    def _greedy(self, batch: SpeechBatch, output: RecognizerOutput) -> list[list[int]]:
        if "ctc" in self.outputs:
            return greedy_ctc(output.ctc_log_probs, output.lengths)
        encoded = self.net.encode(batch.features, batch.lengths)
        return [texts[0].units for texts in BeamSearch(beam=1, ctc_weight=0.0)(self.net, encoded)]

    def _searches(self) -> dict[str, BeamSearch]:
        """Return the search of the main metrics, and one for each trained output alone."""
        single = {
            f"{name}_edits": BeamSearch(self.search.beam, ctc_weight, candidates=self.search.candidates)
            for name, ctc_weight in self.outputs.items()
        }
        return {"edits": self.search, **single}

    def _edits(self, batch: SpeechBatch, found: list[list[int]]) -> Tensor:
        return edit_counts(batch.texts, [self.net.units.decode(units) for units in found]).to(self.device)

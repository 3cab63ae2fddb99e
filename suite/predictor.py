"""The base class of all predictors: batching, checks, and one way to get answers, attention and pictures."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from suite.attention_weights import AttentionWeights, Axis
from suite.draw.picture import Picture
from suite.errors import UserError, check_at_least
from suite.training.base_task_module import BaseTaskModule

__all__ = ["AttentionWeights", "Axis", "Picture", "Predictor", "check_counts"]

Record = TypeVar("Record")  # what a file of the task holds: a text, a recording, an image, a history, a node
Result = TypeVar("Result")  # what one forward pass computes for one record


class Predictor(Generic[Record, Result]):
    """Applies a trained module to records of a user.

    A task names its subclass in ``predict._target_`` of its yaml; the other keys of ``predict`` are arguments of the
    constructor. ``attn predict``, ``Model.predict``, ``Model.attention``, ``Model.draw`` and ``Model.evaluate`` use it.

    A subclass overrides these methods; each is about one record, apart from ``run``:

    * ``read(path)``: the records of a file or folder.
    * ``as_record(given)``: a record from what a Python user passes, for example a dict or an array.
    * ``run(records, attention)``: the forward pass of one batch, which yields one result for each record.
    * ``answer(result)``: the prediction as a dict of plain values.
    * ``weights(result)``: the attention weights as arrays.
    * ``picture(result)``: a picture of the prediction and its attention.
    * ``labelled_batches(path)``: batches with targets, for evaluation on a user's own labelled data.

    Example of a subclass::

        class TextPredictor(Predictor[str, Classified]):
            def __init__(self, module, facts, *, top_words, batch_size, data=None):
                super().__init__(module, facts, batch_size=batch_size, data=data)
                check_counts(top_words=top_words)
                self.top_words = top_words

            def run(self, records, attention):
                batch = self.encode(records).to(self.device)
                output = self.module.net(batch)
                for text, logits, weights in zip(records, output.logits, output.weights):
                    yield Classified(text, logits.softmax(-1), weights)

    Args:
        module: trained module of the task; ``module.net`` is the network. It is set to evaluation mode.
        facts: what its checkpoint records about the training data, for example vocabulary and class names.
        batch_size: number of records in a forward pass; None processes all records at once.
        data: builds the data module that the model was trained on, for tasks whose records refer to it (the nodes of
            a graph). It is called only when ``self.data`` is read for the first time.

    Raises:
        UserError: if ``batch_size`` is less than 1.
    """

    def __init__(
        self,
        module: BaseTaskModule,
        facts: Mapping[str, Any],
        *,
        batch_size: int | None,
        data: Callable[[], Any] | None = None,
    ) -> None:
        if batch_size is not None:
            check_counts(batch_size=batch_size)
        self.module = module.eval()
        self.facts = facts
        self.batch_size = batch_size
        self._build_data = data
        self._data: Any = None

    @property
    def net(self) -> Any:
        """The network of the module."""
        return self.module.net

    @property
    def device(self) -> torch.device:
        """The device of the network's parameters; batches have to be moved to it."""
        return next(self.module.parameters()).device

    @property
    def data(self) -> Any:
        """The data module that the model was trained on, built on first use.

        Raises UserError where the data are not available.
        """
        if self._data is None:
            if self._build_data is None:
                raise UserError(f"{type(self).__name__} needs the training data; use suite.load(PATH), which builds it")
            self._data = self._build_data()
        return self._data

    def predict(self, records: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Yield one dict of plain values for each record, in order.

        Raises UserError, naming the record, for a record that cannot be used.
        """
        return map(self.answer, self.results(records))

    def attention(self, records: Iterable[Any]) -> Iterator[dict[str, AttentionWeights]]:
        """Yield the attention weights for each record, in order: a dict from the name of a layer to its weights."""
        return map(self.weights, self.results(records, attention=True))

    def draw(self, records: Iterable[Any]) -> Iterator[Picture]:
        """Yield one picture for each record, in order: the prediction, and where the attention is."""
        return map(self.picture, self.results(records, attention=True))

    def results(self, records: Iterable[Any], attention: bool = False) -> Iterator[Result]:
        """Yield what ``run`` computes for each record, in order; ``answer``, ``weights`` and ``picture`` read it.

        Use it to get several of them from one forward pass. ``attention`` requests the attention weights too. At most
        one batch of records is in memory at a time.
        """
        given = map(self.as_record, records)
        while batch := list(islice(given, self.batch_size)):
            self.module.eval()
            with torch.no_grad():
                results = list(self.run(batch, attention))
            if len(results) != len(batch):
                raise RuntimeError(f"{type(self).__name__}.run gave {len(results)} results for {len(batch)} records")
            yield from results

    def read(self, path: str) -> Iterator[Record]:
        """Yield the records of a file or folder; ``-`` is standard input.

        Raises UserError, naming file and row, for what cannot be read.
        """
        raise NotImplementedError

    def as_record(self, given: Any) -> Record:
        """Return the record for what a user passes in Python; what ``read`` yields is returned unchanged.

        Raises UserError for a value of the wrong type.
        """
        record: Record = given
        return record

    def run(self, records: list[Record], attention: bool) -> Iterable[Result]:
        """Apply the network to one batch; return one result for each record, in order.

        Called in evaluation mode and without gradients. Attention weights are needed only if ``attention`` is true.
        """
        raise NotImplementedError

    def answer(self, result: Result) -> dict[str, Any]:
        """Return the prediction as plain values, lists and dicts. All predictions of a task have the same keys."""
        raise NotImplementedError

    def weights(self, result: Result) -> dict[str, AttentionWeights]:
        """Return the attention weights of a result by the name of their layer, as NumPy arrays on the CPU."""
        raise NotImplementedError

    def picture(self, result: Result) -> Picture:
        """Return a picture of a result, named after its record."""
        raise NotImplementedError

    def labelled_batches(self, path: str) -> Iterable[Any]:
        """Return batches with targets from a user's labelled file or folder, as ``module.metrics_of`` takes them.

        Raises UserError where the task cannot be evaluated on a file, or the file has no labels.
        """
        raise UserError(f"{type(self).__name__} cannot evaluate {Path(path)}: it reads no labels from files")


def check_counts(minimum: int = 1, **counts: int) -> None:
    """Raise UserError for a key of ``predict`` that is below ``minimum``.

    >>> check_counts(batch_size=0)
    Traceback (most recent call last):
    suite.errors.UserError: predict.batch_size must be at least 1, got 0
    """
    for name, count in counts.items():
        check_at_least(minimum, f"predict.{name}", count)

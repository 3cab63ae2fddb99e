"""A trained model in Python: predictions, attention weights, metrics and pictures."""

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.api.evaluate import SPLITS, check_facts, evaluate_split
from suite.api.overrides import to_dotlist
from suite.attention_weights import AttentionWeights
from suite.draw.picture import Picture
from suite.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from suite.data.module import TaskData
    from suite.predictor import Predictor
    from suite.training.base_task_module import BaseTaskModule

__all__ = ["Model", "load"]


class Model:
    """A trained model with its config; ``suite.load`` returns one.

    Args:
        module: the LightningModule of the task, with trained weights.
        config: the resolved config of its run.
        facts: what the checkpoint records about the training data, for example class names.
        path: the checkpoint, for messages.
    """

    def __init__(
        self, module: "BaseTaskModule", config: dict[str, Any], facts: dict[str, Any], path: Path | None = None
    ) -> None:
        self.module = module
        self.config = config
        self.facts = facts
        self.path = path

    def __repr__(self) -> str:
        parameters = sum(parameter.numel() for parameter in self.net.parameters())
        return f"Model({type(self.net).__name__}, task={self.config['task_name']}, {parameters:,} parameters)"

    @property
    def net(self) -> "nn.Module":
        """The network, a plain ``torch.nn.Module``."""
        return self.module.net

    @cached_property
    def data(self) -> "TaskData":
        """The data that the model was trained on, built at first use.

        Raises UserError if they are not available or differ from those of the run.
        """
        from suite.training.build import build_data

        data: TaskData = build_data(self.config)
        check_facts(self.path or Path("this model"), self.facts, data.facts())
        return data

    @cached_property
    def predictor(self) -> "Predictor[Any, Any]":
        """The predictor of the task; its methods are those of this class, one record at a time."""
        from suite.api.build import build_predictor

        return build_predictor(self.config, self.module, self.facts, lambda: self.data)

    def predict(self, records: Any) -> list[dict[str, Any]]:
        """Return one dict for each record: the same as ``attn predict`` writes.

        Args:
            records: a list of records (texts, histories, recordings, images, nodes: see the README of the task), or
                the path of a file or folder.

        Raises:
            UserError: for a record or a file that cannot be used.
        """
        return list(self.predictor.predict(self._records(records)))

    def attention(self, records: Any) -> list[dict[str, AttentionWeights]]:
        """Return the attention weights for each record: a dict from the name of a layer to its weights.

        Takes the same ``records`` as ``predict``.
        """
        return list(self._method("attention")(self._records(records)))

    def draw(self, records: Any) -> list[Picture]:
        """Return one picture for each record, which shows the prediction and the attention.

        Notebooks display a picture; ``picture.save(folder)`` writes it. Takes the same ``records`` as ``predict``.
        """
        return list(self._method("draw")(self._records(records)))

    def evaluate(self, data: str | os.PathLike[str] | Iterable[Any] = "test") -> dict[str, float]:
        """Return the metrics on labelled data.

        Args:
            data: ``"train"``, ``"val"`` or ``"test"`` for a split of the data that the model was trained on; the path
                of your own labelled file or folder; or a DataLoader that yields batches of the task.

        The metrics of a split have its name: ``{"test/accuracy": 0.8}``; the others have none: ``{"accuracy": 0.8}``.

        Raises:
            UserError: for data that are not available or cannot be used.
        """
        if isinstance(data, str) and data in SPLITS:
            return evaluate_split(self.module, self.data, self.config, data)
        if isinstance(data, (str, os.PathLike)):
            path = os.fspath(data)
            if not Path(path).exists():
                raise UserError(f"{path} does not exist, and it is not a split; splits: {', '.join(SPLITS)}")
            data = self._method("labelled_batches")(path)
        metrics: dict[str, float] = self._measuring().metrics_of(data)
        return metrics

    def _method(self, name: str) -> Callable[..., Iterable[Any]]:
        """Return a method of the predictor; raises UserError if the predictor of this task does not have it."""
        found: Callable[..., Iterable[Any]] | None = getattr(self.predictor, name, None)
        if found is None:
            raise UserError(
                f"the predictor of task={self.config['task_name']} has no method {name}(); "
                f"derive it from suite.predictor.Predictor to use it here"
            )
        return found

    def _measuring(self) -> Any:
        if not hasattr(self.module, "metrics_of"):
            raise UserError(f"task={self.config['task_name']} is evaluated on splits only: {', '.join(SPLITS)}")
        return self.module

    def _records(self, given: Any) -> Iterable[Any]:
        if isinstance(given, (str, os.PathLike)):
            path = os.fspath(given)
            if path != "-" and not Path(path).exists():
                raise UserError(f"{path[:80]} does not exist; pass a list for records, for example [record]")
            return self.predictor.read(path)
        records: Iterable[Any] = given
        return records


def load(path: str | os.PathLike[str], *overrides: str, **values: Any) -> Model:
    """Return the trained model of a checkpoint; its training data are not needed.

    Args:
        path: a checkpoint file, the directory of a run (its best checkpoint), or a ``Run``.
        overrides: changes of the recorded config, for example ``predict.top=5``; ``values`` the same as Python values.

    Raises:
        UserError: for a file that is not a checkpoint, for an unknown key, and for weights that do not fit.
    """
    from suite.training.load import restore

    found = Path(path)
    if found.is_dir():
        found = found / "checkpoints" / "best.ckpt"
    config, module, facts = restore(found, to_dotlist(overrides, values))
    return Model(module, config, facts, found)

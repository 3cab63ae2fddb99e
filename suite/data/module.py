"""Base class of the data modules of all tasks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any, Protocol

import lightning
import numpy as np

from suite.data.identity import SampleRecord
from suite.data.process_share import EvaluationShare
from suite.data.readers import Reader
from suite.data.source import Resolved
from suite.data.splits import Split
from suite.errors import UserError, did_you_mean


def with_reader(init: Callable[..., None], reader: type[Reader], name: str) -> Callable[..., None]:
    """Return a constructor that takes the arguments of ``reader`` and of ``init``, whose first one is the reader.

    All arguments are keyword-only, and ``inspect.signature`` lists them. Raises TypeError if both have an argument of
    the same name. The constructor raises TypeError for an unknown argument and for a missing one.
    """
    of_reader = {key: one for key, one in signature(reader).parameters.items() if one.kind is not one.VAR_KEYWORD}
    own, _, *rest = signature(init).parameters.values()  # self and the reader come first
    of_data = {one.name: one for one in rest}
    if shared := of_reader.keys() & of_data.keys():
        raise TypeError(f"{name}: {reader.__name__} and the data module both have the argument {min(shared)!r}")
    both = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in (*of_reader.values(), *of_data.values())]
    merged = Signature([own, *both])

    def construct(self: Any, **arguments: Any) -> None:
        for key in arguments:
            if key not in merged.parameters:
                raise TypeError(f"{name} has no argument {key!r}.{did_you_mean(key, (one.name for one in both))}")
        merged.bind(self, **arguments)  # raises TypeError for a missing argument
        built = reader(**{key: value for key, value in arguments.items() if key in of_reader})
        init(self, built, **{key: value for key, value in arguments.items() if key in of_data})

    construct.__signature__ = merged  # type: ignore[attr-defined]
    return construct


class Distribution(Protocol):
    """Distributes batches over the processes of a run, as ``suite.training.batches.order.EpochOrder`` does."""

    def training(self, loader: Iterable[Any]) -> Iterable[Any]:
        """Return the training batches of this process."""
        ...

    def validation(self, batches: Iterable[Any]) -> Iterable[Any]:
        """Return the validation batches of this process, from its share of them."""
        ...


class TaskData(lightning.LightningDataModule):
    """Base of data modules: finds the files, reads and splits them once, and records where they came from.

    A task's data module overrides ``load``, ``facts``, ``training_batches`` and ``split_dataloader``. Each kind of file
    of the task gets a subclass that names its reader::

        class ImdbData(DocumentsData, reader=Imdb):
            '''IMDB film reviews.'''

    ``ImdbData`` takes the keyword arguments of ``Imdb`` and those of ``DocumentsData`` except ``reader``. A preset has
    both on one level, for example ``data.target`` and ``data.batch_size``. An unknown argument raises TypeError.

    Args:
        reader: of the files.
        dir: directory in which files are looked for and cached.
    """

    def __init_subclass__(cls, reader: type[Reader] | None = None, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if reader is not None:
            cls.__init__ = with_reader(cls.__init__, reader, cls.__name__)  # type: ignore[method-assign]

    def __init__(self, reader: Reader, dir: str = "data") -> None:
        super().__init__()
        self.reader: Any = reader  # narrower in a subclass
        self.dir = Path(dir)
        self._files: Resolved | None = None
        self._provenance: dict[str, Any] | None = None
        self._samples: SampleRecord | None = None
        self._distribution: Distribution | None = None

    def prepare_data(self) -> None:
        """Find or download the files, in one process only. Raises UserError where that fails."""
        self._files = self.reader.resolve(self.dir)

    def setup(self, stage: str | None = None) -> None:
        """Read and split the content. Later calls do nothing."""
        if self._provenance is None:
            files = self._files or self.reader.resolve(self.dir)
            content = self.load(files)
            self._provenance = {**files.as_dict(), **self.reader.options(), **content}

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read and split the content and hold it in memory.

        Returns plain values for the provenance, such as hashes and counts. Raises UserError with file and row for
        content that is not valid.
        """
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """Return what the model and its predictor need of the data, as plain values; each checkpoint contains them."""
        raise NotImplementedError

    def provenance(self) -> dict[str, Any]:
        """Return the origin of the content, the SHA-256 of each file, and hashes of content and split. Plain values."""
        self.setup()
        assert self._provenance is not None
        return self._provenance

    def sample_record(self) -> SampleRecord:
        """Return names, contents and splits of all samples; each checkpoint holds them.

        Without an override, the hashes of content and split in ``provenance`` alone.
        """
        provenance = self.provenance()
        nothing = np.zeros(0, dtype=np.int64)
        split = Split(nothing, nothing, nothing)
        hashes = (str(provenance.get(name, "")) for name in ("content_hash", "split_hash"))
        return SampleRecord(nothing, nothing, split, *hashes)

    @property
    def samples(self) -> SampleRecord:
        """``sample_record()``, computed once."""
        if self._samples is None:
            self._samples = self.sample_record()
        return self._samples

    def restore(self, record: SampleRecord, facts: Mapping[str, Any]) -> None:
        """Use the split and the facts of a checkpoint, although data have changed since training.

        Each sample that the checkpoint knows keeps its split; the others are in no split.

        Args:
            record: of the checkpoint.
            facts: of the checkpoint.

        Raises:
            UserError: if the data module does not support it.
        """
        split = record.split_of(self.samples)
        self.restore_split(split, facts)
        self._samples = replace(self.samples, split=split)

    def restore_split(self, split: Split, facts: Mapping[str, Any]) -> None:
        """Replace the split, and what was learnt from the training split by ``facts``; see ``restore``."""
        raise UserError(f"{type(self).__name__} cannot use the split of a checkpoint on changed data")

    def training_batches(self) -> Iterable[Any]:
        """Return all batches of the training split, in a new order in each epoch."""
        raise NotImplementedError

    def train_dataloader(self) -> Iterable[Any]:
        """Return the training batches: all of them, or the share of this process inside ``distributed``."""
        batches = self.training_batches()
        return batches if self._distribution is None else self._distribution.training(batches)

    def val_dataloader(self) -> Iterable[Any]:
        """Return the share of this process of the validation batches."""
        batches = self.evaluation_batches("val")
        return batches if self._distribution is None else self._distribution.validation(batches)

    def test_dataloader(self) -> Iterable[Any]:
        """Return the share of this process of the test batches."""
        return self.evaluation_batches("test")

    def predict_dataloader(self) -> Iterable[Any]:
        """Return the share of this process of the test batches."""
        return self.test_dataloader()

    @contextmanager
    def distributed(self, distribution: Distribution) -> Iterator[None]:
        """Inside the context, ``distribution`` selects the training and validation batches of this process.

        The trainer passes a ``suite.training.batches.order.EpochOrder``, whose order of the training batches is a
        function of seed and epoch.
        """
        self._distribution = distribution
        try:
            yield
        finally:
            self._distribution = None

    def evaluation_batches(self, split: str) -> Iterable[Any]:
        """Return the share of this process of the batches of ``train``, ``val`` or ``test``.

        A subclass whose split is one batch returns it in each process instead.
        """
        return EvaluationShare(self.split_dataloader(split))

    def split_dataloader(self, split: str) -> Iterable[Any]:
        """Return the batches of ``train``, ``val`` or ``test``, always in the same order."""
        raise NotImplementedError

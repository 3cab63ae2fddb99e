"""The data module that tasks share: files found once, read once, told in the provenance."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import lightning

from suite.data.source import Resolved


class Reader(Protocol):
    """What knows one kind of file. A task's own protocol adds ``read``."""

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Find or fetch the files; raises UserError where that fails."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the content depends on beside the files."""
        ...


class TaskData(lightning.LightningDataModule):
    """Data by its reader. A subclass writes ``load``, ``facts``, ``training_batches`` and ``split_dataloader``.

    Args:
        reader: of the files.
        dir: where files are looked for and kept.
    """

    def __init__(self, reader: Reader, dir: str = "data") -> None:
        super().__init__()
        self.reader: Any = reader  # narrower in a subclass
        self.dir = Path(dir)
        self._files: Resolved | None = None
        self._provenance: dict[str, Any] | None = None
        self._distribute: Callable[[Iterable[Any]], Iterable[Any]] | None = None

    def prepare_data(self) -> None:
        """Find or fetch the files, in one process only; raises UserError where that fails."""
        self._files = self.reader.resolve(self.dir)

    def setup(self, stage: str | None = None) -> None:
        """Read and split, once; finds the files where that has not been done."""
        if self._provenance is None:
            files = self._files or self.reader.resolve(self.dir)
            told = self.load(files)
            self._provenance = {**files.as_dict(), **self.reader.facts(), **told}

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read, split and keep the content; returns what the provenance tells of it: hashes and counts, plain values.

        Raises UserError naming file and row for content that makes no sense.
        """
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What the model and its predictions have to know of the data; plain values, kept in every checkpoint."""
        raise NotImplementedError

    def provenance(self) -> dict[str, Any]:
        """Where the content came from, with every file's SHA-256, and hashes of content and split. Plain values."""
        self.setup()
        assert self._provenance is not None
        return self._provenance

    def training_batches(self) -> Iterable[Any]:
        """All batches of the training split, in a new order in every epoch. A subclass writes it."""
        raise NotImplementedError

    def train_dataloader(self) -> Iterable[Any]:
        """The training batches of this process: all of them, or its share inside ``distributed``."""
        batches = self.training_batches()
        return batches if self._distribute is None else self._distribute(batches)

    @contextmanager
    def distributed(self, distribute: Callable[[Iterable[Any]], Iterable[Any]]) -> Iterator[None]:
        """Inside the context ``train_dataloader`` returns ``distribute(training_batches())``.

        The trainer passes a ``suite.training.batches.order.EpochOrder``, which gives each process its share of the
        batches and makes their order a function of seed and epoch.
        """
        self._distribute = distribute
        try:
            yield
        finally:
            self._distribute = None

    def split_dataloader(self, split: str) -> Iterable[Any]:
        """Batches of one part, always in the same order."""
        raise NotImplementedError

"""The data module of the recommender: histories, cut by a split into batches."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved, Source
from suite.errors import UserError, did_you_mean
from tasks.recommender.batch import EvaluationHistories, HistoryBatch, Pieces, TrainingWindows
from tasks.recommender.histories import Histories
from tasks.recommender.readers.interaction_table import InteractionTable
from tasks.recommender.readers.movielens import MovieLens100K, SasrecFile
from tasks.recommender.split import GlobalTime, LeaveOneOut, Parts, Splitter
from tasks.recommender.synthetic import SyntheticHistories


class HistoryReader(Reader, Protocol):
    """What reads one kind of histories: ``reader.read(reader.resolve(data_dir))``."""

    def read(self, files: Resolved) -> Histories:
        """Read them; raises UserError for files that do not make histories."""
        ...


class RecommenderData(TaskData):
    """Any histories, by their reader.

    Args:
        reader: of the files.
        split: leave_one_out | global_time; ``val_fraction`` and ``test_fraction`` are the parts of the latter.
        max_length: events before a target that a model sees.
        positions: events in a training batch, with padding; ``measured_positions`` likewise where nothing is learnt.
        like_from: a rating from this on is a liking (an unknown rating too), which click-through models predict.
        dir: where files are looked for and kept.
    """

    def __init__(
        self,
        reader: HistoryReader,
        split: str = "leave_one_out",
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        max_length: int = 200,
        positions: int = 4096,
        measured_positions: int = 16384,
        like_from: float = 4.0,
        dir: str = "data",
    ) -> None:
        super().__init__(reader, dir)
        for name, value in (("max_length", max_length), ("positions", positions)):
            if value < 1:
                raise UserError(f"data.{name}={value} must be at least 1")
        splitters: dict[str, Splitter] = {
            "leave_one_out": LeaveOneOut(),
            "global_time": GlobalTime(val_fraction, test_fraction),
        }
        if split not in splitters:
            raise UserError(f"data.split={split} is not known.{did_you_mean(split, splitters)}")
        self.splitter = splitters[split]
        self.max_length, self.positions, self.measured_positions = max_length, positions, measured_positions
        self.like_from = like_from
        self._histories: Histories | None = None
        self._parts: Parts | None = None
        self._pieces: Pieces | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read and split the histories."""
        histories = self.reader.read(files)
        parts = self.splitter(histories)
        if len(parts.targets(histories, "train")) == 0:
            raise UserError("No user has two training interactions, so there is nothing to learn an order from.")
        self._histories, self._parts = histories, parts
        self._pieces = Pieces(histories, self.like_from)
        return {
            "split": str(self.splitter),
            "max_length": self.max_length,
            "content_hash": histories.content_hash(),
            "split_hash": parts.content_hash(),
            "num_users": histories.num_users,
            "num_items": histories.num_items,
            "num_events": len(histories.items),
            "dropped": dict(histories.dropped),
            **{f"num_{split}": len(parts.targets(histories, split)) for split in ("train", "val", "test")},
        }

    @property
    def histories(self) -> Histories:
        """All events; finds and reads them where that has not been done."""
        self.setup()
        assert self._histories is not None
        return self._histories

    @property
    def parts(self) -> Parts:
        """Which events train, select and test."""
        self.setup()
        assert self._parts is not None
        return self._parts

    def facts(self) -> dict[str, Any]:
        """What the model has to know about the data, vocabularies among it; plain values."""
        histories = self.histories
        place = np.arange(len(histories.items))
        trains = place < self.parts.train_ends[histories.users]
        counts = np.bincount(histories.items[trains], minlength=histories.num_items + 1)
        return {
            "num_items": histories.num_items,
            "max_length": self.max_length,
            "popularity": counts.tolist(),
            "item_ids": list(histories.item_ids),
            "titles": list(histories.titles),
            "genres": [list(numbers) for numbers in histories.genres],
            "user_ids": list(histories.user_ids),
            "traits": [list(traits) for traits in histories.traits],
        }

    def training_batches(self) -> Iterable[HistoryBatch]:
        """Windows of the training events, in a new order with new borders each time it is gone through."""
        assert self._pieces is not None
        return TrainingWindows(self._pieces, self.histories, self.parts, self.max_length, self.positions)

    def split_dataloader(self, split: str) -> Iterable[HistoryBatch]:
        """The events of a split, each after what came before it."""
        histories, parts = self.histories, self.parts
        assert self._pieces is not None
        return EvaluationHistories(self._pieces, histories, parts, split, self.max_length, self.measured_positions)


# One class for each kind of file lets its options stand beside the common ones: data.path=FILE, data.min_rating=4.
# ``common`` are the arguments of RecommenderData after the first.


class MovieLens100KData(RecommenderData):
    """MovieLens 100K."""

    def __init__(self, source: Source, **common: Any) -> None:
        super().__init__(MovieLens100K(source), **common)


class SasrecFileData(RecommenderData):
    """A file in the form of SASRec's authors."""

    def __init__(self, source: Source, **common: Any) -> None:
        super().__init__(SasrecFile(source), **common)


class OwnData(RecommenderData):
    """A user's own interactions: CSV, parquet, or RecBole's atomic .inter."""

    def __init__(
        self,
        path: str,
        user_column: str | int | None = None,
        item_column: str | int | None = None,
        time_column: str | int | None = None,
        rating_column: str | int | None = None,
        header: bool = True,
        separator: str | None = None,
        min_rating: float | None = None,
        min_events: int = 1,
        titles: str | None = None,
        **common: Any,
    ) -> None:
        columns = {"user": user_column, "item": item_column, "time": time_column, "rating": rating_column}
        super().__init__(InteractionTable(path, columns, header, separator, min_rating, min_events, titles), **common)


class SyntheticData(RecommenderData):
    """Made-up histories."""

    def __init__(
        self, num_users: int = 61, num_items: int = 37, mean_events: float = 13.0, seed: int = 0, **common: Any
    ) -> None:
        super().__init__(SyntheticHistories(num_users, num_items, mean_events, seed), **common)

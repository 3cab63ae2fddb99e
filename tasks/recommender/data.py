"""The data module of the recommender: histories, split and batched."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from suite.data.identity import SampleRecord
from suite.data.module import TaskData
from suite.data.readers import Reader
from suite.data.source import Resolved
from suite.data.splits import SPLITS, Split
from suite.errors import UserError, check_at_least, did_you_mean
from tasks.recommender.batch import EvaluationHistories, HistoryBatch, TrainingWindows, Windows
from tasks.recommender.histories import Histories
from tasks.recommender.readers.interaction_table import InteractionTable
from tasks.recommender.readers.movielens import MovieLens100K, SasrecFile
from tasks.recommender.split import GlobalTime, HistorySplit, LeaveOneOut, Splitter
from tasks.recommender.synthetic import SyntheticHistories


class HistoryReader(Reader, Protocol):
    """Reads histories from one kind of file: ``reader.read(reader.resolve(data_dir))``."""

    def read(self, files: Resolved) -> Histories:
        """Read the files. Raises UserError for files that do not form histories."""
        ...


class RecommenderData(TaskData):
    """Histories as training data.

    Args:
        reader: of the histories.
        split: leave_one_out | global_time.
        val_fraction, test_fraction: fractions of all events, for global_time.
        max_length: number of events before a target that a model sees.
        positions: number of events in a training batch, padding included.
        evaluation_positions: the same for evaluation.
        like_from: lowest rating of a liked event; events without a rating count as liked. DIN predicts likes.
        dir: directory in which files are looked for and cached.

    Raises:
        UserError: for an unknown split, and for a length or batch size below 1.
    """

    def __init__(
        self,
        reader: HistoryReader,
        split: str,
        val_fraction: float,
        test_fraction: float,
        max_length: int,
        positions: int,
        evaluation_positions: int,
        like_from: float,
        dir: str,
    ) -> None:
        super().__init__(reader, dir)
        sizes = {"max_length": max_length, "positions": positions, "evaluation_positions": evaluation_positions}
        for name, value in sizes.items():
            check_at_least(1, f"data.{name}", value)
        splitters: dict[str, Splitter] = {
            "leave_one_out": LeaveOneOut(),
            "global_time": GlobalTime(val_fraction, test_fraction),
        }
        if split not in splitters:
            raise UserError(f"data.split={split} is not known.{did_you_mean(split, splitters)}")
        self.splitter = splitters[split]
        self.max_length, self.positions, self.evaluation_positions = max_length, positions, evaluation_positions
        self.like_from = like_from
        self._histories: Histories | None = None
        self._split: HistorySplit | None = None
        self._windows: Windows | None = None

    def load(self, files: Resolved) -> dict[str, Any]:
        """Read and split the histories. Returns hashes and counts for the provenance."""
        histories = self.reader.read(files)
        events = self.splitter(histories)
        if len(events.targets(histories, "train")) == 0:
            raise UserError("No user has two training interactions, so there is no next item to learn")
        self._histories, self._split = histories, events
        self._windows = Windows(histories, self.like_from)
        return {
            "split": str(self.splitter),
            "max_length": self.max_length,
            "content_hash": histories.content_hash(),
            "split_hash": events.hash(),
            "num_users": histories.num_users,
            "num_items": histories.num_items,
            "num_events": len(histories.items),
            "dropped": dict(histories.dropped),
            **{f"num_{split}": len(events.targets(histories, split)) for split in SPLITS},
        }

    @property
    def histories(self) -> Histories:
        """All events, read on first use."""
        self.setup()
        assert self._histories is not None
        return self._histories

    @property
    def split(self) -> HistorySplit:
        """The training, validation and test events of each user."""
        self.setup()
        assert self._split is not None
        return self._split

    def facts(self) -> dict[str, Any]:
        """Return the sizes that the model needs, and the ids and titles that predictions use."""
        histories = self.histories
        place = np.arange(len(histories.items))
        trains = place < self.split.train_ends[histories.users]
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

    def sample_record(self) -> SampleRecord:
        """Return the users with the splits in which they have targets."""
        histories, events = self.histories, self.split
        names, contents = histories.identities()
        users = (np.unique(histories.users[events.targets(histories, split)]) for split in SPLITS)
        return SampleRecord(names, contents, Split(*users), histories.content_hash(), events.hash())

    def restore(self, record: SampleRecord, facts: Mapping[str, Any]) -> None:
        """Keep the users whose history is that of the checkpoint: later events of the others may have been trained on.

        Raises UserError for ``split=global_time``, whose moments depend on all events.
        """
        if not isinstance(self.splitter, LeaveOneOut):
            raise UserError("data.split=global_time cannot use the split of a checkpoint on changed data")
        unchanged = record.unchanged(self.samples)
        users = np.flatnonzero(unchanged)
        histories = self.histories.only(users, facts["user_ids"], facts["item_ids"])
        self._histories = replace(
            histories,
            titles=tuple(facts["titles"]),
            genres=tuple(map(tuple, facts["genres"])),
            traits=tuple(map(tuple, facts["traits"])),
        )
        self._split, self._windows = self.splitter(self._histories), Windows(self._histories, self.like_from)
        split = Split(*(items[unchanged[items]] for items in record.split_of(self.samples)))
        self._samples = replace(self.samples, split=split)

    def training_batches(self) -> Iterable[HistoryBatch]:
        """Return windows of the training events, with new borders and a new order in each epoch."""
        assert self._windows is not None
        return TrainingWindows(self._windows, self.histories, self.split, self.max_length, self.positions)

    def split_dataloader(self, split: str) -> Iterable[HistoryBatch]:
        """Return the events of a split, each with the events before it."""
        assert self._windows is not None
        return EvaluationHistories(
            self._windows, self.histories, self.split, split, self.max_length, self.evaluation_positions
        )


class MovieLens100KData(RecommenderData, reader=MovieLens100K):
    """MovieLens 100K."""


class SasrecFileData(RecommenderData, reader=SasrecFile):
    """A file in the format of SASRec's authors."""


class InteractionsData(RecommenderData, reader=InteractionTable):
    """A user's own interactions from a table."""


class SyntheticHistoriesData(RecommenderData, reader=SyntheticHistories):
    """Generated histories."""

"""Predictions for histories: the items that come next, and the past events that the model attends to."""

# B histories, L events of the longest, K items of the list

import html
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.attention.capture import capture_weights
from suite.data.tables import Row, read_rows
from suite.draw.grid import shade_grid
from suite.errors import UserError
from suite.metrics.ranking import top_items
from suite.predictor import AttentionWeights, Axis, Picture, Predictor, check_counts
from suite.training.base_task_module import BaseTaskModule
from tasks.recommender.batch import HistoryBatch
from tasks.recommender.models.sequence_encoder import SequenceEncoder

SHOWN = 20  # events of a history in a picture


class History(NamedTuple):
    """One record: a user, and the ids or titles of the items that the user met, oldest first."""

    user: str | None
    events: list[str]


class RankedHistory(NamedTuple):
    """The prediction for one history; items are numbers from 1."""

    record: History
    items: list[int]  # known events that the model sees, oldest first
    unknown: list[str]  # events that are not an item of the training data
    best: list[int]  # recommended items, best first
    scores: list[float]  # of the recommended items
    answer: Tensor  # (L,), weight of each event in the answer
    layers: dict[str, Tensor]  # (H, L, L) of each layer, if attention is requested and the model has self-attention


class HistoryPredictor(Predictor[History, RankedHistory]):
    """Recommends the next items for histories.

    A record is ``{"user": "7", "history": ["50", "Star Wars (1977)"]}``, a ``History``, or a list of events. Events are
    ids or titles (in any case), oldest first. Unknown events are listed in the answer and ignored. Without a known
    event the answer is the most popular items, and ``cold`` is true.

    Args:
        module, facts, batch_size, data: as ``Predictor``; the training data are not needed.
        top: items for each history.
        attended: past events in the answer, those with the largest weights.
        repeat: whether items of the history may be recommended again.

    Raises:
        UserError: if ``top`` is less than 1 or ``attended`` is negative.
    """

    def __init__(
        self,
        module: BaseTaskModule,
        facts: Mapping[str, Any],
        *,
        top: int,
        attended: int,
        repeat: bool,
        batch_size: int | None,
        data: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(module, facts, batch_size=batch_size, data=data)
        check_counts(top=top)
        check_counts(0, attended=attended)
        self.top, self.attended, self.repeat = top, attended, repeat
        self.max_length = int(facts["max_length"])
        self.ids: list[str] = list(facts["item_ids"])
        self.titles: list[str] = list(facts["titles"]) or self.ids
        by_title = {title.casefold(): item for item, title in enumerate(self.titles, start=1)}
        self.by_name = by_title | {name: item for item, name in enumerate(self.ids, start=1)}

    def read(self, path: str) -> Iterator[History]:
        """Yield the histories of a file; ``-`` reads JSON Lines from standard input.

        A .csv, .tsv or .parquet file has the columns user, item and optionally time, one row for each event; any other
        file has one record in each line of JSON. Raises UserError, naming file and row, for what cannot be read.
        """
        if path != "-" and Path(path).suffix.lower() not in (".jsonl", ".json", ".csv", ".tsv", ".parquet"):
            raise UserError(f"input={path} must end in .jsonl, .csv, .tsv or .parquet, which says how it is read")
        if path == "-" or Path(path).suffix.lower() in (".jsonl", ".json"):
            return _read_lines(path)
        return _read_events(read_rows(Path(path)))

    def as_record(self, given: Any) -> History:
        """Return the record of a dict or a list of events. Raises UserError for anything else."""
        return given if isinstance(given, History) else parse_history(given, f"record {given!r:.60}")

    def run(self, records: list[History], attention: bool) -> Iterator[RankedHistory]:
        """Score all items after each history."""
        found = [[self._find(event) for event in record.events] for record in records]
        known = [[item for item in items if item] for items in found]
        recent = [items[-self.max_length :] for items in known]
        items, lengths = self._pad(recent)
        scores, weights = (x.cpu() for x in self.net.explain(items, lengths))
        layers = self._layers(items) if attention else {}
        rows = torch.arange(len(records)).repeat_interleave(torch.tensor([len(row) for row in known]))
        seen = None if self.repeat else (rows, torch.tensor([item for row in known for item in row]).long())
        best = top_items(scores, self.top, seen)
        for row, record in enumerate(records):
            # The list is filled with items of the history if no other item is left; these are left out.
            left_out = set() if self.repeat else set(known[row])
            chosen = [item for item in best[row].tolist() if item not in left_out]
            length = len(recent[row])
            yield RankedHistory(
                record,
                recent[row],
                [event for event, item in zip(record.events, found[row], strict=True) if not item],
                chosen,
                scores[row, chosen].tolist(),
                weights[row, :length],
                {name: layer[row, :, :length, :length] for name, layer in layers.items()},
            )

    def answer(self, result: RankedHistory) -> dict[str, Any]:
        """Return the next items with scores, the events with the largest weights, and the unknown events."""
        order = result.answer.topk(min(self.attended, len(result.items))).indices.tolist()
        return {
            "user": result.record.user,
            "items": [self._item(item, score=score) for item, score in zip(result.best, result.scores, strict=True)],
            "attended": [self._item(result.items[place], weight=float(result.answer[place])) for place in order],
            "unknown": result.unknown,
            "cold": not result.items,
        }

    def weights(self, result: RankedHistory) -> dict[str, AttentionWeights]:
        """Return the weight of each event in the answer, and of SASRec and BERT4Rec those of each layer.

        ``answer`` (L,) are the weights of the last layer, the mean over its heads; the layers are (H, L, L).
        """
        events = Axis("items", labels=tuple(self.titles[item - 1] for item in result.items))
        weights = {"answer": AttentionWeights("answer", result.answer.numpy(), (events,))}
        for name, layer in result.layers.items():
            weights[name] = AttentionWeights(name, layer.numpy(), (Axis("heads"), events, events))
        return weights

    def picture(self, result: RankedHistory) -> Picture:
        """Draw the next items, and the weights between the last events (DIN: of the best item to the events)."""
        name = result.record.user or "history"
        pairs = zip(result.best, result.scores, strict=True)
        listed = "".join(f"<li>{html.escape(self.titles[item - 1])} ({score:.2f})</li>" for item, score in pairs)
        return Picture(name, f"<b>{html.escape(name)}</b><ol>{listed}</ol>{self._grid(result)}")

    def labelled_batches(self, path: str) -> Iterator[HistoryBatch]:
        """Yield batches whose targets are the last known event of each history; the events before it are the history.

        Raises UserError for a file without a history of two known events, and for models that predict likes.
        """
        if not isinstance(self.net, SequenceEncoder):
            raise UserError(f"{path}: a model that predicts likes cannot be evaluated on histories without ratings")
        known = [[item for event in record.events if (item := self._find(event))] for record in self.read(path)]
        known = [items for items in known if len(items) > 1]
        if not known:
            raise UserError(f"{path}: no history has two known events, one to predict and one before it")
        size = self.batch_size or len(known)
        return (self._labelled(known[start : start + size]) for start in range(0, len(known), size))

    def _labelled(self, known: Sequence[list[int]]) -> HistoryBatch:
        items, lengths = self._pad([events[:-1][-self.max_length :] for events in known])
        rows = torch.arange(len(known)).repeat_interleave(torch.tensor([len(events) - 1 for events in known]))
        seen = torch.tensor([item for events in known for item in events[:-1]])
        nobody = torch.zeros(len(known), dtype=torch.long)
        targets = torch.tensor([events[-1] for events in known])
        batch = HistoryBatch(items.cpu(), lengths.cpu(), nobody, items.cpu() > 0, targets, seen=(rows, seen))
        return batch.to(self.device)

    def _pad(self, histories: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Return items (B, L), padded with 0, and lengths (B,)."""
        lengths = torch.tensor([len(events) for events in histories])
        items = torch.zeros(len(histories), max(1, int(lengths.max())), dtype=torch.long)
        for row, events in enumerate(histories):
            items[row, : len(events)] = torch.tensor(events, dtype=torch.long)
        return items.to(self.device), lengths.to(self.device)

    def _layers(self, items: Tensor) -> dict[str, Tensor]:
        """Return the weights (B, H, L, L) of each layer of self-attention."""
        if not isinstance(self.net, SequenceEncoder):
            return {}
        with capture_weights(self.net) as maps:
            self.net(items)
        return {name: calls[0].cpu() for name, calls in maps.items()}

    def _grid(self, result: RankedHistory) -> str:
        titles = [self.titles[item - 1] for item in result.items][-SHOWN:]
        if not titles:
            return "<p>No known event: the items are in the order of their popularity.</p>"
        if result.layers:
            last = list(result.layers.values())[-1].mean(0)[-SHOWN:, -SHOWN:]
            return shade_grid(last, titles, titles, "Attention between events (last block, mean over heads)")
        return shade_grid(result.answer[None, -SHOWN:], ["best item"], titles, "Attention of the best item to events")

    def _find(self, event: str) -> int:
        """Return the number of an item by id or title; 0 if it is unknown."""
        return self.by_name.get(event) or self.by_name.get(event.strip().casefold(), 0)

    def _item(self, item: int, **more: float) -> dict[str, Any]:
        return {"item": self.ids[item - 1], "title": self.titles[item - 1], **more}


def parse_history(given: Any, place: str) -> History:
    """Return a record from a dict with the key ``history`` and optionally ``user``, or from a list of events.

    Raises UserError, naming ``place``, for anything else.

    >>> parse_history({"user": 7, "history": ["50", 3]}, "row 1")
    History(user='7', events=['50', '3'])
    """
    events = given.get("history") if isinstance(given, Mapping) else given
    if not isinstance(events, (list, tuple)) or not all(isinstance(event, (str, int)) for event in events):
        raise UserError(
            f'{place}: expected {{"history": [ids or titles, oldest first]}} or a list of events, got {given!r:.60}'
        )
    user = given.get("user") if isinstance(given, Mapping) else None
    return History(None if user is None else str(user), [str(event) for event in events])


def _read_lines(path: str) -> Iterator[History]:
    """Yield the record in each line of JSON."""
    name = "standard input" if path == "-" else path
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not valid UTF-8 ({error.reason}). Save the file as UTF-8") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                given = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise UserError(f"{name}, line {number}: not JSON ({error})") from error
            yield parse_history(given, f"{name}, line {number}")


def _read_events(rows: Iterator[Row]) -> Iterator[History]:
    """Yield users in the order of their first row, with their events by time if there is such a column."""
    events: dict[str, list[tuple[float, str]]] = {}
    for row in rows:
        if not {"user", "item"} <= set(row.cells):
            raise UserError(f"{row.path} needs the columns user and item; it has {', '.join(map(str, row.cells))}")
        user, item = row.text("user", "data.user_column"), row.text("item", "data.item_column")
        if not user or not item:
            raise UserError(f"{row.place}: no user or no item; each row needs both")
        time = row.cells.get("time", 0.0)
        try:
            events.setdefault(user, []).append((float(time), item))
        except (TypeError, ValueError) as error:
            raise UserError(f"{row.place}, column time: {time!r} is not a number") from error
    for user, met in events.items():
        yield History(user, [item for _, item in sorted(met, key=lambda event: event[0])])

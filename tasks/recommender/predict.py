"""``attn predict``: histories in, the best next items out, with the past events that were attended to."""

# B histories, L events of the longest

import csv
import html
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.attention.capture import capture_weights
from suite.draw.grid import shade_grid
from suite.draw.picture import Picture
from suite.errors import UserError
from suite.metrics.ranking import top_items
from tasks.recommender.models.din import DIN
from tasks.recommender.models.sasrec import SequenceEncoder

SHOWN = 20  # events of a history in a picture


class History(NamedTuple):
    """One record: who, and what they met, oldest first, as ids or titles."""

    user: str | None
    events: list[str]


class HistoryPredictor:
    """Ranks what may come next for histories from a file.

    Args:
        net: a trained network with ``explain``.
        facts: of its checkpoint: ids and titles of items.
        top: items for each history.
        attended: past events shown for each history, those with the greatest weight.
        repeat: whether an item of the history may be recommended again.

    A record is {"user": "7", "history": ["50", "Star Wars (1977)"]} in a line of JSON, or the rows of one user in a CSV
    with the columns user, item and perhaps time. An event is an id, else a title (in any case). Unknown items are
    named in the answer and left out. Without a known event the answer is the most popular items, and says so.
    """

    def __init__(
        self,
        net: SequenceEncoder | DIN,
        facts: Mapping[str, Any],
        top: int = 10,
        attended: int = 5,
        repeat: bool = False,
    ) -> None:
        if top < 1 or attended < 0:
            raise UserError(f"predict.top={top} must be at least 1, and predict.attended={attended} at least 0")
        self.net, self.top, self.attended, self.repeat = net.eval(), top, attended, repeat
        self.max_length = int(facts["max_length"])
        self.ids: list[str] = list(facts["item_ids"])
        self.titles: list[str] = list(facts["titles"]) or self.ids
        by_title = {title.casefold(): item for item, title in enumerate(self.titles, start=1)}
        self.by_name = by_title | {name: item for item, name in enumerate(self.ids, start=1)}

    def read(self, path: str) -> Iterator[History]:
        """The records of a file, by its ending: .csv, else JSON Lines. Raises UserError naming file and row."""
        if path != "-" and Path(path).suffix not in (".jsonl", ".json", ".csv"):
            raise UserError(f"input={path} should end in .jsonl or .csv, which says how to read it")
        try:
            text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not valid UTF-8 ({error.reason}). Save the file as UTF-8.") from error
        return _table(path, text) if path.endswith(".csv") else _lines(path, text)

    def predict(self, records: Iterable[History], batch_size: int = 256) -> Iterator[dict[str, Any]]:
        """One answer for every record, in order."""
        stream = iter(records)
        while batch := list(islice(stream, batch_size)):
            yield from self._answer(batch)

    def draw(self, records: Iterable[History]) -> Iterator[Picture]:
        """A page of every record: the next items, and the attention between the last events."""
        for record in records:
            (told,) = self.predict([record])
            listed = "".join(f"<li>{html.escape(item['title'])} ({item['score']:.2f})</li>" for item in told["items"])
            name = told["user"] or "history"
            yield Picture(name, f"<b>{html.escape(name)}</b><ol>{listed}</ol>" + self._grid(record))

    @torch.no_grad()
    def _grid(self, record: History) -> str:
        known = [item for event in record.events if (item := self._find(event))][-min(SHOWN, self.max_length) :]
        if not known:
            return "<p>No known event: the items stand in the order of their popularity.</p>"
        items, titles = torch.tensor([known]), [self.titles[item - 1] for item in known]
        if isinstance(self.net, SequenceEncoder):
            with capture_weights(self.net) as maps:
                self.net(items)
            weights = maps[f"blocks.{len(self.net.blocks) - 1}.attention"][0][0].mean(0)
            return shade_grid(weights, titles, titles, "Who attended to whom (last block, mean of heads)")
        _, weights = self.net.explain(items, torch.tensor([len(known)]))
        return shade_grid(weights[:, : len(known)], ["the best answer"], titles, "What the answer attended to")

    @torch.no_grad()
    def _answer(self, batch: list[History]) -> Iterator[dict[str, Any]]:
        places = [[self._find(event) for event in record.events] for record in batch]
        known = [[item for item in items if item] for items in places]
        recent = [items[-self.max_length :] for items in known]
        lengths = torch.tensor([len(items) for items in recent])
        items = torch.zeros(len(batch), max(1, int(lengths.max())), dtype=torch.long)
        for row, found in enumerate(recent):
            items[row, : len(found)] = torch.tensor(found, dtype=torch.long)
        scores, weights = self.net.explain(items, lengths)
        rows = torch.arange(len(batch)).repeat_interleave(torch.tensor([len(found) for found in known]))
        seen = None if self.repeat else (rows, torch.tensor([item for found in known for item in found]).long())
        best = top_items(scores, self.top, seen)
        for row, record in enumerate(batch):
            unknown = [event for event, item in zip(record.events, places[row], strict=True) if not item]
            yield {
                "user": record.user,
                "items": [
                    self._item(item, score=float(scores[row, item])) for item in self._open(best[row], known[row])
                ],
                "attended": [] if not known[row] else self._attended(recent[row], weights[row]),
                "unknown": unknown,
                "cold": not known[row],
            }

    def _open(self, best: Tensor, known: list[int]) -> list[int]:
        """The list without what had to fill it where everything was seen."""
        met = set() if self.repeat else set(known)
        return [item for item in best.tolist() if item not in met]

    def _find(self, event: str) -> int:
        return self.by_name.get(event) or self.by_name.get(event.strip().casefold(), 0)

    def _item(self, item: int, **more: float) -> dict[str, Any]:
        return {"item": self.ids[item - 1], "title": self.titles[item - 1], **more}

    def _attended(self, items: list[int], weights: Tensor) -> list[dict[str, Any]]:
        order = weights[: len(items)].topk(min(self.attended, len(items))).indices.tolist()
        return [self._item(items[place], weight=float(weights[place])) for place in order]


def _lines(path: str, text: str) -> Iterator[History]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{path}, row {number}: not a line of JSON ({error.msg}).") from error
        events = record.get("history") if isinstance(record, dict) else record
        if not isinstance(events, list) or not all(isinstance(event, (str, int)) for event in events):
            raise UserError(
                f'{path}, row {number}: needs {{"history": [ids or titles, oldest first]}}, got {line.strip()[:60]}'
            )
        user = record.get("user") if isinstance(record, dict) else None
        yield History(None if user is None else str(user), [str(event) for event in events])


def _table(path: str, text: str) -> Iterator[History]:
    """Users in the order of their first row; each one's events by time where there is such a column."""
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    names = list(rows[0]) if rows else []
    if not {"user", "item"} <= set(names):
        raise UserError(
            f"{path} needs the columns user and item (and perhaps time); it has {', '.join(names) or 'none'}."
        )
    events: dict[str, list[tuple[float, str]]] = {}
    for number, row in enumerate(rows, start=2):
        if not row["user"] or not row["item"]:
            raise UserError(f"{path}, row {number}: every row needs a user and an item.")
        try:
            time = float(row["time"]) if "time" in names else 0.0
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}, row {number}, column time: {row['time']!r} is not a number.") from error
        events.setdefault(row["user"], []).append((time, row["item"]))
    for user, met in events.items():
        yield History(user, [item for _, item in sorted(met, key=lambda event: event[0])])

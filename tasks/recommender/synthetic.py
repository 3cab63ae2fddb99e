"""Made-up histories of the same type as the real ones, for tests, notebooks and machines without data."""

# U users, I items

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.source import Resolved
from tasks.recommender.histories import Histories


class SyntheticHistories:
    """Walks over a ring of items: the next is usually one of the few behind the last, so order tells what comes.

    Lengths are geometric with mean ``mean_events``, at least 1: some users have a single event. Items near the start
    of the ring are liked by half of the users, the others by the other half. The same arguments give the same
    histories everywhere.
    """

    def __init__(self, num_users: int = 61, num_items: int = 37, mean_events: float = 13.0, seed: int = 0) -> None:
        self.num_users, self.num_items, self.mean_events, self.seed = num_users, num_items, mean_events, seed

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Nothing to find."""
        return Resolved("generated", Path(data_dir), Path(data_dir), "generated", licence="none needed")

    def read(self, files: Resolved) -> Histories:
        """Make the histories."""
        random = np.random.RandomState(self.seed)  # NumPy promises never to change its stream
        lengths = random.geometric(1.0 / self.mean_events, self.num_users)
        users = np.repeat(np.arange(self.num_users), lengths)
        steps = random.choice([1, 2, 3, self.num_items // 2], len(users), p=[0.5, 0.25, 0.15, 0.1])
        steps[np.cumsum(lengths) - lengths] = random.randint(self.num_items, size=self.num_users)
        walked = np.cumsum(steps)
        starts = np.repeat(walked[np.cumsum(lengths) - lengths] - steps[np.cumsum(lengths) - lengths], lengths)
        items = (walked - starts) % self.num_items
        times = random.randint(0, 10**6, self.num_users).repeat(lengths) + np.arange(len(users)) * 7.0
        agrees = (items < self.num_items // 2) == (users % 2 == 0)
        ratings = np.where(random.rand(len(users)) < np.where(agrees, 0.9, 0.2), 5.0, 2.0)
        made = Histories.from_events(users.astype(str), items.astype(str), times, ratings)
        return replace(
            made,
            titles=tuple(f"Item {item}" for item in made.item_ids),
            genres=tuple((int(item) % 3,) if int(item) % 5 else () for item in made.item_ids),
            traits=tuple(("even" if int(user) % 2 == 0 else "odd",) for user in made.user_ids),
        )

    def options(self) -> dict[str, Any]:
        """What belongs in the provenance."""
        return {"seed": self.seed, "order": "by time"}

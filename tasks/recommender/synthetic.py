"""Generated histories, for tests, notebooks and machines without data."""

# U users, I items

from dataclasses import replace
from typing import Any

import numpy as np

from suite.data.readers import GeneratedReader
from suite.data.source import Resolved
from tasks.recommender.histories import Histories


class SyntheticHistories(GeneratedReader):
    """Walks on a ring of items: the next item is usually 1 to 3 steps ahead, so the last event predicts it.

    Lengths are geometric with mean ``mean_events``; some users have a single event. Half of the users like items near
    the start of the ring, the other half likes the others. The same arguments give the same histories on every machine.

    Args:
        num_users, num_items, mean_events: sizes.
        seed: of the histories.
    """

    def __init__(self, num_users: int, num_items: int, mean_events: float, seed: int) -> None:
        self.num_users, self.num_items, self.mean_events, self.seed = num_users, num_items, mean_events, seed

    def read(self, files: Resolved) -> Histories:
        """Generate the histories."""
        random = np.random.RandomState(self.seed)  # NumPy guarantees that its stream never changes
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
        """Return what the histories depend on."""
        return {"seed": self.seed, "order": "by time"}

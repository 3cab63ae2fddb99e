"""A language model that is counted, not trained: n-grams of units with Witten-Bell's discount."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from tasks.speech.units import BLANK, EOS

Context = tuple[int, ...]


class NGram:
    """P(unit | the order - 1 units before it), interpolated with shorter contexts.

    P(u | h) = (count(h u) + types(h) P(u | h')) / (count(h) + types(h)), h' without its first unit; at the bottom every
    unit is equally likely   (Witten & Bell 1991, method C; Chen & Goodman 1999, section 2.6)

    types(h) is how many units were seen behind h. A text begins with one ``EOS`` and ends with one; the blank has
    probability 0.

    Args:
        texts: numbers of units, without ``EOS``.
        num_units: V.
        order: n, at least 1.
    """

    def __init__(self, texts: Iterable[Sequence[int]], num_units: int, order: int) -> None:
        if order < 1:
            raise ValueError(f"the order of an n-gram must be at least 1, got {order}")
        self.num_units, self.order = num_units, order
        self.counts: dict[Context, Counter[int]] = defaultdict(Counter)
        for text in texts:
            units = [EOS, *text, EOS]
            for place in range(1, len(units)):
                for start in range(max(place - order + 1, 0), place + 1):
                    self.counts[tuple(units[start:place])][units[place]] += 1
        self.counts = dict(self.counts)
        self._known: dict[Context, Tensor] = {}

    def context(self, units: Sequence[int]) -> Context:
        """What is remembered of the units so far."""
        return tuple(units[max(len(units) - self.order + 1, 0) :]) if self.order > 1 else ()

    def log_probs(self, context: Context) -> Tensor:
        """Log-probabilities of the next unit (V,)."""
        if context not in self._known:
            self._known[context] = self._probabilities(context).log().float()
        return self._known[context]

    def _probabilities(self, context: Context) -> Tensor:
        if context:
            shorter = self._probabilities(context[1:])
        else:
            shorter = torch.full((self.num_units,), 1.0 / (self.num_units - 1), dtype=torch.float64)
            shorter[BLANK] = 0.0
        seen = self.counts.get(context)
        if seen is None:
            return shorter
        types, total = len(seen), sum(seen.values())
        mixed = shorter * types
        mixed[list(seen)] += torch.tensor(list(seen.values()), dtype=torch.float64)
        return mixed / (total + types)

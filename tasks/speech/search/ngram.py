"""An n-gram language model with Witten-Bell smoothing, counted from the training transcripts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from tasks.speech.units import BLANK, EOS

Context = tuple[int, ...]  # the last order - 1 units


class NGram:
    """P(unit | the order - 1 units before it), interpolated with shorter contexts.

    P(u | h) = (count(h u) + types(h) P(u | h')) / (count(h) + types(h)), where h' is h without its first unit; for the
    empty context the shorter distribution is uniform   (Witten & Bell 1991, method C; Chen & Goodman 1999, section 2.6)

    types(h) is the number of different units seen after h. A text starts with one ``EOS`` and ends with one; the blank
    has probability 0.

    Args:
        texts: numbers of units, without ``EOS``.
        num_units: V.
        order: n.

    Raises:
        ValueError: if the order is below 1.
    """

    def __init__(self, texts: Iterable[Sequence[int]], num_units: int, order: int) -> None:
        if order < 1:
            raise ValueError(f"order must be at least 1, got {order}")
        self.num_units, self.order = num_units, order
        self.counts: dict[Context, Counter[int]] = defaultdict(Counter)
        for text in texts:
            units = [EOS, *text, EOS]
            for place in range(1, len(units)):
                for start in range(max(place - order + 1, 0), place + 1):
                    self.counts[tuple(units[start:place])][units[place]] += 1
        self.counts = dict(self.counts)
        self._cache: dict[Context, Tensor] = {}

    def context(self, units: Sequence[int]) -> Context:
        """Return the units that the next probability depends on."""
        return tuple(units[max(len(units) - self.order + 1, 0) :]) if self.order > 1 else ()

    def log_probs(self, context: Context) -> Tensor:
        """Return the log-probabilities of the next unit (V,)."""
        if context not in self._cache:
            self._cache[context] = self._probabilities(context).log().float()
        return self._cache[context]

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

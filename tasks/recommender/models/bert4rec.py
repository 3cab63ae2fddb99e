"""BERT4Rec: self-attention in both directions, trained on hidden items."""

# B sequences, L events, E model width

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from suite.attention.choices.patterns import Full
from tasks.recommender.models.sasrec import Pairs, SequenceEncoder


class BERT4Rec(SequenceEncoder):
    """Some items are hidden and told from both sides; what comes next is a hidden item at the end.

    While training, every item is hidden with probability ``mask_probability``; of one row in ten the last alone, as in
    use (Sun et al. 2019, sections 3.5 and 3.6). The item I + 1 stands for a hidden one. Padding is masked away.

    Args:
        mask_probability: of an item, while training.
        num_items, max_length, popularity, attention, dropout, and the rest in ``shape``: as ``SequenceEncoder``.

    Shape: items (B, L) ints, 0 = padding behind -> hidden (B, L, E).
    """

    pattern = Full
    extra_items = 1

    def __init__(
        self,
        num_items: int,
        max_length: int,
        popularity: Sequence[int],
        attention: Mapping[str, Any],
        mask_probability: float = 0.2,
        dropout: float = 0.1,
        **shape: Any,
    ) -> None:
        super().__init__(num_items, max_length, popularity, attention, dropout=dropout, **shape)
        if not 0.0 < mask_probability < 1.0:
            raise ValueError(f"mask_probability must lie between 0 and 1, got {mask_probability}")
        self.mask_probability = mask_probability
        self.mask_item = num_items + 1

    def forward(self, items: Tensor) -> Tensor:
        """Encode histories, some of whose items may be hidden."""
        mask = (items != 0)[:, None, None]
        x = self.embed(items)
        for block in self.blocks:
            x = block(x, mask=mask)
        return self.norm(x)

    def training_pairs(self, items: Tensor, lengths: Tensor) -> Pairs:
        """Hide some items, and ask for them."""
        rows = torch.arange(len(items), device=items.device)
        hide = torch.rand(items.shape, device=items.device) < self.mask_probability
        hide &= (torch.rand(len(items), 1, device=items.device) >= 0.1) & (items != 0)
        none = ~hide.any(1)
        hide[rows[none], lengths[none] - 1] = True  # a row without a hidden item would teach nothing
        hidden = self(items.masked_fill(hide, self.mask_item))
        return Pairs(hidden[hide], items[hide])

    def place_of_answer(self, lengths: Tensor) -> Tensor:
        """Behind the last event."""
        return lengths.clamp(min=1)

    def last(self, items: Tensor, lengths: Tensor) -> Tensor:
        """The state of a hidden item behind each history."""
        rows = torch.arange(len(items), device=items.device)
        room = torch.cat([items, torch.zeros_like(items[:, :1])], dim=1)
        room[rows, lengths] = self.mask_item
        return self(room)[rows, lengths]

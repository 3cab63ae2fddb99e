"""BERT4Rec: self-attention in both directions, trained to predict masked items."""

# B sequences, L events, E model width

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from suite.attention.choices.patterns import Full
from tasks.recommender.models.sequence_encoder import Pairs, SequenceEncoder

LAST_ONLY = 0.1  # probability that only the last item of a sequence is masked


class BERT4Rec(SequenceEncoder):
    """Predicts masked items from both sides; the next item is a masked item at the end (Sun et al. 2019).

    In training, each item is masked with probability ``mask_probability``; in one sequence of ten only the last item
    is, as in prediction (sections 3.5 and 3.6). Item I + 1 replaces a masked item. Padding is masked out.

    Args:
        mask_probability: probability that an item is masked in training.
        num_items, max_length, popularity, attention, dropout, and those in ``shape``: as ``SequenceEncoder``.

    Shape: items (B, L) ints, padded at the end with 0 -> hidden (B, L, E).

    Raises:
        ValueError: if ``mask_probability`` is not between 0 and 1, and as ``SequenceEncoder``.
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
            raise ValueError(f"mask_probability must be between 0 and 1, got {mask_probability}")
        self.mask_probability = mask_probability
        self.mask_item = num_items + 1

    def mask(self, items: Tensor) -> Tensor:
        """True for the keys that are not padding, (B, 1, 1, L); (B, 1, L, L) where queries take part in a balance."""
        mask = (items != 0)[:, None, None]
        coupled = any(one.alignment.couples_queries for one in self.attentions())
        return mask & mask.transpose(2, 3) if coupled else mask

    def training_pairs(self, items: Tensor, lengths: Tensor) -> Pairs:
        """Mask some items; the masked items are the targets."""
        rows = torch.arange(len(items), device=items.device)
        masked = torch.rand(items.shape, device=items.device) < self.mask_probability
        masked &= (torch.rand(len(items), 1, device=items.device) >= LAST_ONLY) & (items != 0)
        none = ~masked.any(1)
        masked[rows[none], lengths[none] - 1] = True  # a sequence without a masked item has no loss
        hidden = self(items.masked_fill(masked, self.mask_item))
        return Pairs(hidden[masked], items[masked])

    def place_of_answer(self, lengths: Tensor) -> Tensor:
        """The position after the last event."""
        return lengths.clamp(min=1)

    def last(self, items: Tensor, lengths: Tensor) -> Tensor:
        """The state of a masked item after each history."""
        rows = torch.arange(len(items), device=items.device)
        extended = torch.cat([items, torch.zeros_like(items[:, :1])], dim=1)
        extended[rows, lengths] = self.mask_item
        return self(extended)[rows, lengths]

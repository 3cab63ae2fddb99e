"""SASRec: causal self-attention over a user's history."""

# B sequences, L events, E model width

import torch
from torch import Tensor

from suite.attention.attention import Attention
from suite.attention.choices.patterns import Causal
from suite.attention.layers.blocks import EncoderBlock
from tasks.recommender.models.sequence_encoder import Pairs, SequenceEncoder


class SASRec(SequenceEncoder):
    """Each event predicts the next one from the events before it (Kang & McAuley 2018, section III).

    Two differences from the paper: the layer norm is at the start of both halves of a block, and the feed-forward
    network has its own width. Padding is at the end, so the causal pattern needs no mask.

    Args: as ``SequenceEncoder``. Shape: items (B, L) ints, padded at the end with 0 -> hidden (B, L, E).
    """

    pattern = Causal

    def check_attention(self, attention: Attention) -> None:
        """Raise ValueError also for an alignment with which an event depends on later ones."""
        super().check_attention(attention)
        if attention.alignment.couples_queries:
            raise ValueError(
                f"with {type(attention.alignment).__name__} an event depends on later ones, which SASRec must not see; "
                "set attention.alignment=softmax, or model=recommender/bert4rec"
            )

    @property
    def last_row_only(self) -> bool:
        """Whether the last block may compute one query only: its weights depend on no pattern and on no other query."""
        return all(isinstance(one.pattern, Causal) and one.alignment.rowwise for one in self.attentions())

    def training_pairs(self, items: Tensor, lengths: Tensor) -> Pairs:
        """The states of all events but the last, with the event after each as target."""
        targets = items[:, 1:].flatten()
        real = targets.nonzero()[:, 0]
        hidden = self(items[:, :-1]).flatten(0, 1)
        return Pairs(hidden.index_select(0, real), targets[real])

    def place_of_answer(self, lengths: Tensor) -> Tensor:
        """The position of the last event."""
        return lengths.clamp(min=1) - 1

    def last(self, items: Tensor, lengths: Tensor) -> Tensor:
        """The state of the last event; with the plain causal pattern the last block computes that query only."""
        rows = torch.arange(len(items), device=items.device)
        if not self.last_row_only:
            return self(items)[rows, lengths - 1]
        x = self.embed(items)
        *before, top = self.blocks
        for block in before:
            x = block(x)
        mask = torch.arange(items.shape[1], device=items.device) < lengths[:, None]
        assert isinstance(top, EncoderBlock)
        query = x[rows, lengths - 1][:, None]
        return self.norm(top(query, mask=mask[:, None, None], cache=top.extend(x)))[:, 0]

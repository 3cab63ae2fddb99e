"""The speller: an LSTM that writes one unit a step and looks at the utterance in between."""

# B hypotheses, U units written, S positions of the memory, H heads, E width of the LSTM, V units

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.build import build_attention
from suite.attention.choices.patterns import Full
from suite.attention.layers.multihead import KeyValue, MultiheadAttention
from suite.attention.operators.dropout import dropout
from tasks.speech.models.conformer import Encoded


class SpellerMemory(NamedTuple):
    """Keys and values of the utterance, and the mask of keys (B, 1, 1, S)."""

    keys: KeyValue
    mask: Tensor


class SpellerState(NamedTuple):
    """What goes from step to step: the LSTM's (B, E) each, the context (B, E), the weights (B, H, 1, S), the step."""

    hidden: Tensor
    cell: Tensor
    context: Tensor
    previous: Tensor | None
    step: int


class Speller(nn.Module):
    """Chan et al. 2016 (eq. 6-8) with any attention of the core, location-sensitive first (Chorowski et al. 2015).

    s_u = LSTM(s_{u-1}, [embed(unit_u), c_{u-1}]);   c_u = attention(s_u, memory; weights_{u-1});
    logits_u = W gelu(V [s_u, c_u])

    A pattern by positions (local-m) is laid around the step's place: step u looks around position ``pace`` u.

    Args:
        num_units: V.
        memory_dim: width of the encoder.
        attention: the four choices.
        pace: positions of the memory for one unit, from the training data.
    """

    def __init__(
        self,
        num_units: int,
        memory_dim: int,
        attention: Mapping[str, Any],
        pace: float = 1.0,
        embed_dim: int = 256,
        num_heads: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_units, embed_dim)
        self.lstm = nn.LSTMCell(2 * embed_dim, embed_dim)
        choices = build_attention(attention, num_heads=num_heads, head_dim=embed_dim // num_heads)
        self.pattern = choices.pattern
        if choices.pattern.positional:
            choices.pattern = Full()  # laid by ``_mask``: attention itself sees one query and not its step
        self.attention = MultiheadAttention(embed_dim, num_heads, choices, memory_dim=memory_dim)
        self.joint = nn.Linear(2 * embed_dim, embed_dim)
        self.output = nn.Linear(embed_dim, num_units)
        self.pace = pace
        self.dropout = dropout

    def remember(self, encoded: Encoded) -> SpellerMemory:
        """What every step needs of the utterance, projected once."""
        return SpellerMemory(self.attention.extend(encoded.memory), encoded.mask[:, None, None])

    def start(self, memory: SpellerMemory) -> SpellerState:
        """The state before the first unit."""
        zeros = memory.keys.key.new_zeros(len(memory.mask), self.lstm.hidden_size)
        return SpellerState(zeros, zeros, zeros, None, 0)

    def step(self, unit: Tensor, memory: SpellerMemory, state: SpellerState) -> tuple[Tensor, SpellerState]:
        """The last unit (B,) and the state before it -> scores of the next (B, V), and the state behind it."""
        seen, state = self._look(self.embedding(unit), memory, state)
        return self._scores(seen), state

    def forward(self, units: Tensor, memory: SpellerMemory) -> Tensor:
        """Scores of the next unit after each of ``units`` (B, U), the first of which is the start: -> (B, U, V)."""
        embedded = dropout(self.embedding(units), self.dropout, self.training)
        state, seen = self.start(memory), []
        for place in range(units.shape[1]):
            one, state = self._look(embedded[:, place], memory, state)
            seen.append(one)
        return self._scores(torch.stack(seen, dim=1))

    @torch.no_grad()
    def weights(self, units: Tensor, memory: SpellerMemory) -> Tensor:
        """Where each step looked, mean of the heads: (B, U) -> (B, U, S)."""
        state, looked = self.start(memory), []
        for unit in units.unbind(dim=1):
            _, state = self.step(unit, memory, state)
            assert state.previous is not None
            looked.append(state.previous.mean(dim=(1, 2)))
        return torch.stack(looked, dim=1)

    def _look(self, embedded: Tensor, memory: SpellerMemory, state: SpellerState) -> tuple[Tensor, SpellerState]:
        hidden, cell = self.lstm(torch.cat([embedded, state.context], dim=-1), (state.hidden, state.cell))
        looked = self.attention(
            hidden[:, None],
            cache=memory.keys,
            mask=self._mask(memory.mask, state.step),
            previous=state.previous,
            need_weights=True,
        )
        context = looked.context[:, 0]
        seen = torch.cat([hidden, context], dim=-1)
        return seen, SpellerState(hidden, cell, context, looked.weights, state.step + 1)

    def _mask(self, mask: Tensor, step: int) -> Tensor:
        """The keys that a step may look at; a window that lies behind the utterance's end is laid at its end."""
        if isinstance(self.pattern, Full) or not self.pattern.positional:
            return mask
        size = mask.shape[-1]
        place = min(round(step * self.pace), size - 1)
        rule = self.pattern.mask(place + 1, size, mask.device)
        assert rule is not None
        near = mask & rule[-1:]
        last = mask.sum(dim=-1, keepdim=True) - 1
        end = torch.arange(size, device=mask.device) == last
        return near | (end & ~near.any(dim=-1, keepdim=True))

    def _scores(self, seen: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.joint(dropout(seen, self.dropout, self.training)))
        return self.output(dropout(hidden, self.dropout, self.training))

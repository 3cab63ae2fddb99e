"""The speller of Listen, Attend and Spell: an LSTM decoder with attention at every step (Chan et al. 2016)."""

# B hypotheses, U units, S positions of the memory, H heads, E width of the LSTM, V number of units

from typing import NamedTuple

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.build import build_attention
from suite.attention.layers.multihead import KeyValue, MultiheadAttention
from suite.attention.operators.dropout import dropout
from tasks.speech.models.decoder import AttentionChoices, SpeechDecoder
from tasks.speech.models.encoder import EncodedSpeech


class SpellerMemory(NamedTuple):
    """Keys and values of the utterance, and the mask of keys (B, 1, 1, S)."""

    keys: KeyValue
    mask: Tensor


class SpellerState(NamedTuple):
    """LSTM state ``hidden`` and ``cell`` (B, E), ``context`` (B, E), last weights (B, H, 1, S), and step number."""

    hidden: Tensor
    cell: Tensor
    context: Tensor
    previous: Tensor | None
    step: int


class Speller(SpeechDecoder):
    """LSTM decoder with attention to the utterance (Chan et al. 2016, eq. 6-8).

    s_u = LSTM(s_{u-1}, [embed(unit_u), c_{u-1}]);   c_u = attention(s_u, memory; weights_{u-1});
    logits_u = W gelu(V [s_u, c_u])

    The attention may depend on the weights of the previous step (location-sensitive, Chorowski et al. 2015; monotonic).
    A pattern on positions places step u at position ``positions_per_unit`` u of the memory, at most at the last
    position of its utterance: ``local_monotonic`` and ``window`` are around it, ``causal`` ends there.

    Args:
        num_units: V.
        memory_dim: width of the encoder.
        attention: score, alignment, pattern and dropout of the attention to the utterance.
        positions_per_unit: mean number of memory positions for a unit in the training data.
        embed_dim: E.
        num_heads: H.
        dropout: of embeddings and of the output layers.

    Raises ValueError for an alignment that balances queries and keys, and for a pattern of a fixed size.
    """

    attention_layer = "attention"

    def __init__(
        self,
        num_units: int,
        memory_dim: int,
        attention: AttentionChoices,
        positions_per_unit: float = 1.0,
        embed_dim: int = 256,
        num_heads: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_units, embed_dim)
        self.lstm = nn.LSTMCell(2 * embed_dim, embed_dim)
        choices = build_attention(attention, num_heads=num_heads, head_dim=embed_dim // num_heads)
        _check_step_by_step(choices)
        self.attention = MultiheadAttention(embed_dim, num_heads, choices, memory_dim=memory_dim)
        self.joint = nn.Linear(2 * embed_dim, embed_dim)
        self.output = nn.Linear(embed_dim, num_units)
        self.positions_per_unit = positions_per_unit
        self.dropout = dropout

    def project_memory(self, encoded: EncodedSpeech) -> SpellerMemory:
        return SpellerMemory(self.attention.extend(encoded.memory), encoded.mask[:, None, None])

    def start(self, memory: SpellerMemory) -> SpellerState:
        zeros = memory.keys.key.new_zeros(len(memory.mask), self.lstm.hidden_size)
        return SpellerState(zeros, zeros, zeros, None, 0)

    def step(self, unit: Tensor, memory: SpellerMemory, state: SpellerState) -> tuple[Tensor, SpellerState]:
        joined, state = self._attend(self.embedding(unit), memory, state)
        return self._scores(joined), state

    def forward(self, units: Tensor, memory: SpellerMemory) -> Tensor:
        embedded = dropout(self.embedding(units), self.dropout, self.training)
        state, outputs = self.start(memory), []
        for place in range(units.shape[1]):
            joined, state = self._attend(embedded[:, place], memory, state)
            outputs.append(joined)
        return self._scores(torch.stack(outputs, dim=1))

    @torch.no_grad()
    def attention_weights(self, units: Tensor, memory: SpellerMemory) -> Tensor:
        state, weights = self.start(memory), []
        for unit in units.unbind(dim=1):
            _, state = self.step(unit, memory, state)
            assert state.previous is not None
            weights.append(state.previous.mean(dim=(1, 2)))
        return torch.stack(weights, dim=1)

    def _attend(self, embedded: Tensor, memory: SpellerMemory, state: SpellerState) -> tuple[Tensor, SpellerState]:
        """Return [hidden, context] (B, 2 E) of one step, and the new state."""
        hidden, cell = self.lstm(torch.cat([embedded, state.context], dim=-1), (state.hidden, state.cell))
        attended = self.attention(
            hidden[:, None],
            cache=memory.keys,
            mask=memory.mask,
            previous=state.previous,
            query_positions=self._position(memory.mask, state.step),
            need_weights=True,
        )
        context = attended.context[:, 0]
        joined = torch.cat([hidden, context], dim=-1)
        return joined, SpellerState(hidden, cell, context, attended.weights, state.step + 1)

    def _position(self, mask: Tensor, step: int) -> Tensor:
        """Return the position of a step in each utterance (B, 1); steps beyond the end are at the last position."""
        last = mask.sum(dim=-1).view(-1, 1) - 1
        return last.clamp(min=0, max=round(step * self.positions_per_unit))

    def _scores(self, joined: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.joint(dropout(joined, self.dropout, self.training)))
        return self.output(dropout(hidden, self.dropout, self.training))


def _check_step_by_step(attention: Attention) -> None:
    """Raise ValueError for choices that are not defined for one query at a time and memories of any length."""
    if attention.alignment.couples_queries:
        raise ValueError(
            f"{type(attention.alignment).__name__} balances as many queries as keys, and this decoder attends with one "
            "query a step; set attention.alignment=softmax"
        )
    if attention.pattern.fixed_size:
        raise ValueError(
            f"{type(attention.pattern).__name__} is built for one number of positions, and utterances have any; "
            "set attention.pattern=full"
        )

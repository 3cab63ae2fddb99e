"""The base class of the attention decoders."""

# B hypotheses, U units, S positions of the memory, V number of units

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from tasks.speech.models.encoder import EncodedSpeech


class SpeechDecoder(nn.Module):
    """Predicts the next unit from the previous units and the encoded utterance.

    ``forward`` scores all units of a text at once, for training. ``start`` and ``step`` score one unit after another,
    for a search, and give the same scores. ``memory`` and ``state`` are tuples, possibly nested, of tensors whose
    first dimension is B; what else they hold does not depend on the hypothesis.

    Attributes:
        attention_layer: name within the decoder of the layer whose weights ``attention_weights`` returns.
    """

    attention_layer: str

    def project_memory(self, encoded: EncodedSpeech) -> Any:
        """Return the keys and values of the utterance, which every step uses."""
        raise NotImplementedError

    def forward(self, units: Tensor, memory: Any) -> Tensor:
        """Return the scores (B, U, V) of the unit after each of ``units`` (B, U); the first unit is ``EOS``."""
        raise NotImplementedError

    def start(self, memory: Any) -> Any:
        """Return the state before the first unit."""
        raise NotImplementedError

    def step(self, unit: Tensor, memory: Any, state: Any) -> tuple[Tensor, Any]:
        """Return the scores (B, V) of the unit after ``unit`` (B,), and the new state."""
        raise NotImplementedError

    def attention_weights(self, units: Tensor, memory: Any) -> Tensor:
        """Return the attention weights, mean over heads, when the unit after each of ``units`` is predicted.

        Shape: units (B, U) -> (B, U, S).
        """
        raise NotImplementedError


class DecoderFactory(Protocol):
    """Makes a decoder when the sizes of the data and of the encoder are known."""

    def __call__(self, *, num_units: int, memory_dim: int, positions_per_unit: float) -> SpeechDecoder: ...


AttentionChoices = Mapping[str, Any]  # score, alignment, pattern, dropout: see suite.attention.build

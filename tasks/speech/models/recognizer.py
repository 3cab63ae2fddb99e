"""The recogniser: an encoder with two ways to write, CTC's and an attention decoder's."""

# B utterances, T frames, S positions, U units, V number of units

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from tasks.speech import units as vocabularies
from tasks.speech.models.conformer import Encoded, EncoderFactory
from tasks.speech.search.ngram import NGram
from tasks.speech.units import EOS

DecoderFactory = Callable[..., nn.Module]


class Recognised(NamedTuple):
    """Log-probabilities of CTC (B, S, V) over ``lengths`` (B,) positions; the decoder's scores (B, U + 1, V)."""

    ctc: Tensor
    lengths: Tensor
    logits: Tensor


class Recogniser(nn.Module):
    """Listen once, write in two ways (Watanabe et al. 2017, figure 1).

    ctc = log_softmax(W encoder(x));   logits[u] = decoder(units[..u], encoder(x))

    With ``Listener`` and ``Speller`` it is Listen, Attend and Spell (Chan et al. 2016), with ``Conformer`` and
    ``TransformerDecoder`` joint CTC-attention; what each way counts is the loss's and the search's to say.

    Args:
        num_features: of a frame, from the data.
        units: what is written, as the data's facts tell it.
        transcripts: of the training part, of which the language model is counted; may be empty.
        frames_per_unit: from the data.
        encoder: makes the encoder from the number of features.
        decoder: makes the decoder from ``num_units``, ``memory_dim`` and, for a speller, ``pace``.
    """

    def __init__(
        self,
        num_features: int,
        units: Mapping[str, Any],
        transcripts: Sequence[str],
        frames_per_unit: float,
        encoder: EncoderFactory,
        decoder: DecoderFactory,
    ) -> None:
        super().__init__()
        self.units = vocabularies.from_facts(units)
        self.transcripts = transcripts
        self._languages: dict[int, NGram] = {}
        num_units = len(self.units)
        self.encoder = encoder(num_features)
        width = int(self.encoder.embed_dim)  # type: ignore[arg-type]
        self.decoder = decoder(num_units=num_units, memory_dim=width, pace=frames_per_unit / int(self.encoder.factor))  # type: ignore[arg-type]
        self.ctc = nn.Linear(width, num_units)

    def encode(self, features: Tensor, lengths: Tensor) -> Encoded:
        """Listen: (B, T, F), (B,) -> Encoded."""
        encoded: Encoded = self.encoder(features, lengths)
        return encoded

    def ctc_log_probs(self, encoded: Encoded) -> Tensor:
        """Log-probabilities of every unit and the blank at every position, (B, S, V)."""
        return self.ctc(encoded.memory).log_softmax(dim=-1)

    def language(self, order: int) -> NGram:
        """The n-gram of the training transcripts, counted when first asked for."""
        if order not in self._languages:
            texts = (self.units.encode(text) for text in self.transcripts)
            self._languages[order] = NGram(texts, len(self.units), order)
        return self._languages[order]

    def forward(self, features: Tensor, lengths: Tensor, targets: Tensor) -> Recognised:
        """Write both ways, the decoder told the true units so far: targets (B, U) padded -> Recognised."""
        encoded = self.encode(features, lengths)
        start = targets.new_full((len(targets), 1), EOS)
        units = nn.functional.pad(targets, (1, 0), value=EOS) if targets.numel() else start
        logits = self.decoder(units, self.decoder.remember(encoded))  # type: ignore[operator]
        return Recognised(self.ctc_log_probs(encoded), encoded.lengths, logits)

"""The recognizer: an encoder with two outputs, CTC and an attention decoder (Watanabe et al. 2017)."""

# B utterances, T frames, S positions, U units, V number of units

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from tasks.speech.models.decoder import DecoderFactory, SpeechDecoder
from tasks.speech.models.encoder import EncodedSpeech, SpeechEncoder
from tasks.speech.search.ngram import NGram
from tasks.speech.units import EOS
from tasks.speech.vocabulary import units_from_facts

EncoderFactory = Callable[[int], SpeechEncoder]  # makes an encoder for a number of features


class RecognizerOutput(NamedTuple):
    """CTC log-probabilities (B, S, V), their ``lengths`` (B,), and the scores of the decoder (B, U + 1, V)."""

    ctc_log_probs: Tensor
    lengths: Tensor
    logits: Tensor


class Recognizer(nn.Module):
    """An encoder with a CTC output layer and an attention decoder (Watanabe et al. 2017, figure 1).

    ctc_log_probs = log_softmax(W encoder(x));   logits[u] = decoder(units[..u], encoder(x))

    With ``Listener`` and ``Speller`` it is Listen, Attend and Spell (Chan et al. 2016); with ``Conformer`` and
    ``TransformerDecoder`` it is joint CTC-attention. The loss and the search decide how much each output counts.

    Args:
        num_features: features of a frame; a fact of the data.
        units: facts of the output units, see ``units_from_facts``.
        transcripts: training transcripts for the language model; may be empty.
        frames_per_unit: mean number of frames for a unit in the training data.
        encoder: makes the encoder from the number of features.
        decoder: makes the decoder from ``num_units``, ``memory_dim`` and ``positions_per_unit``.
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
        self.units = units_from_facts(units)
        self.transcripts = transcripts
        self._languages: dict[int, NGram] = {}
        num_units = len(self.units)
        self.encoder: SpeechEncoder = encoder(num_features)
        width = self.encoder.embed_dim
        self.decoder: SpeechDecoder = decoder(
            num_units=num_units, memory_dim=width, positions_per_unit=frames_per_unit / self.encoder.factor
        )
        self.ctc = nn.Linear(width, num_units)

    def encode(self, features: Tensor, lengths: Tensor) -> EncodedSpeech:
        """Encode features (B, T, F) with their lengths (B,)."""
        encoded: EncodedSpeech = self.encoder(features, lengths)
        return encoded

    def ctc_log_probs(self, encoded: EncodedSpeech) -> Tensor:
        """Return the log-probabilities of the blank and every unit at every position, (B, S, V)."""
        return self.ctc(encoded.memory).log_softmax(dim=-1)

    def language(self, order: int) -> NGram:
        """Return the n-gram language model of the training transcripts, counted on first use."""
        if order not in self._languages:
            texts = (self.units.encode(text) for text in self.transcripts)
            self._languages[order] = NGram(texts, len(self.units), order)
        return self._languages[order]

    def forward(self, features: Tensor, lengths: Tensor, targets: Tensor) -> RecognizerOutput:
        """Compute both outputs; the decoder gets the true previous units from the padded targets (B, U)."""
        encoded = self.encode(features, lengths)
        start = targets.new_full((len(targets), 1), EOS)
        units = nn.functional.pad(targets, (1, 0), value=EOS) if targets.numel() else start
        logits = self.decoder(units, self.decoder.project_memory(encoded))
        return RecognizerOutput(self.ctc_log_probs(encoded), encoded.lengths, logits)

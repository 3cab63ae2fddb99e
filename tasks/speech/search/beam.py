"""Batched beam search that combines CTC, the attention decoder and a language model at every step."""

# B utterances, K hypotheses of each, N = B K, S positions, V number of units, C candidates

from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.errors import UserError
from tasks.speech.models.encoder import EncodedSpeech
from tasks.speech.models.recognizer import Recognizer
from tasks.speech.search.ngram import Context, NGram
from tasks.speech.search.prefix import LOG_ZERO, PrefixScorer, PrefixState
from tasks.speech.units import BLANK, EOS, UNKNOWN


class Hypothesis(NamedTuple):
    """A text that the search found: its units without ``EOS``, and its score."""

    units: list[int]
    score: float


class SearchState(NamedTuple):
    """State of each model for N hypotheses; None for a model without a weight."""

    prefix: PrefixState | None
    decoder: Any
    contexts: list[Context] | None


class BeamSearch:
    """Finds the texts with the highest  w ctc + (1 - w) attention + l language + r (number of units).

    One pass from unit to unit (Watanabe et al. 2017, section IV-C), which extends all B K hypotheses at once. The CTC
    term is that of ``PrefixScorer``: a complete text accounts for every position of the utterance, so the attention
    decoder can neither skip nor repeat a part of it.

    Args:
        beam: K.
        ctc_weight: w; 0 uses the attention decoder alone, 1 uses CTC alone and does not run the decoder.
        language_weight: l, of the n-gram of the training transcripts (shallow fusion).
        order: n of the n-gram.
        reward: r; a positive value counteracts texts that are too short.
        candidates: C, units that CTC scores at each step of a hypothesis; the other models select them.
        max_units_per_position: bounds the length of a text by the number of encoder positions.

    Raises:
        UserError: for a value out of range.
    """

    def __init__(
        self,
        beam: int,
        ctc_weight: float,
        language_weight: float = 0.0,
        order: int = 6,
        reward: float = 0.0,
        candidates: int = 40,
        max_units_per_position: float = 1.0,
    ) -> None:
        for name, value in (("beam", beam), ("order", order), ("candidates", candidates)):
            if value < 1:
                raise UserError(f"{name} of a search must be at least 1, got {value}")
        if not 0.0 <= ctc_weight <= 1.0:
            raise UserError(f"ctc_weight of a search must be between 0 and 1, got {ctc_weight}")
        self.beam, self.ctc_weight, self.language_weight = beam, ctc_weight, language_weight
        self.order, self.reward, self.candidates = order, reward, candidates
        self.max_units_per_position = max_units_per_position

    @torch.no_grad()
    def __call__(self, net: Recognizer, encoded: EncodedSpeech) -> list[list[Hypothesis]]:
        """Return up to K texts for every utterance, the best first."""
        language = net.language(self.order) if self.language_weight else None
        beam = _Beam(self, net, encoded, language)
        while beam.step():
            pass
        return [sorted(found, key=lambda one: -one.score)[: self.beam] for found in beam.found]


class _Beam:
    """The hypotheses of one call of ``BeamSearch``."""

    def __init__(self, search: BeamSearch, net: Recognizer, encoded: EncodedSpeech, language: NGram | None) -> None:
        self.search, self.net, self.language = search, net, language
        B, K = len(encoded.lengths), search.beam
        self.shape = (B, K)
        device = encoded.memory.device
        wide = EncodedSpeech(encoded.memory.repeat_interleave(K, dim=0), encoded.lengths.repeat_interleave(K))
        log_probs = net.ctc_log_probs(encoded).repeat_interleave(K, dim=0)
        self.peaks = log_probs.max(dim=1).values.double()  # (N, V)
        self.prefix = PrefixScorer(log_probs, wide.lengths) if search.ctc_weight > 0.0 else None
        self.memory = net.decoder.project_memory(wide) if search.ctc_weight < 1.0 else None
        self.state = SearchState(
            self.prefix.start() if self.prefix else None,
            net.decoder.start(self.memory) if self.memory is not None else None,
            [self.language.context([EOS])] * (B * K) if self.language else None,
        )
        self.units = torch.full((B * K, 1), EOS, device=device)
        self.scores = torch.full((B, K), LOG_ZERO, dtype=torch.float64, device=device)
        self.scores[:, 0] = 0.0  # the search starts with one empty hypothesis
        self.limits = (encoded.lengths * search.max_units_per_position).long().clamp(min=1)
        self.found: list[list[Hypothesis]] = [[] for _ in range(B)]

    def step(self) -> bool:
        """Extend every hypothesis by one unit; return False when no hypothesis can grow further."""
        B, K = self.shape
        decoder, scores_of_units = self._score_units()
        candidates = self._candidates(scores_of_units)
        candidates = torch.cat([torch.full_like(candidates[:, :1], EOS), candidates], dim=1)  # column 0 ends the text
        gained = scores_of_units.gather(1, candidates)
        gained[:, 1:] = gained[:, 1:].masked_fill(candidates[:, 1:] == EOS, LOG_ZERO)
        by_ctc = torch.zeros_like(gained)
        if self.prefix:
            assert self.state.prefix is not None
            by_ctc = self.prefix.score(self.state.prefix, candidates)
            gained = gained + self.search.ctc_weight * by_ctc
        total = self.scores.view(-1, 1) + gained
        self._finish(total[:, 0].view(B, K))
        scores, places = _top(total[:, 1:].reshape(B, -1), K)
        width = candidates.shape[1] - 1
        rows = (places // width + torch.arange(B, device=places.device)[:, None] * K).flatten()
        columns = places.flatten() % width + 1
        self._advance(rows, candidates[rows, columns], by_ctc[rows, columns], decoder)
        self.scores = self._prune(scores)
        return bool((self.scores > LOG_ZERO / 2).any())

    def _candidates(self, scores: Tensor) -> Tensor:
        """Return the units (N, C) that CTC scores: the best of the other models, of CTC's peaks where there is none."""
        alone = self.memory is None and self.language is None
        ranked = scores + self.peaks if alone else scores  # the peak bounds what CTC gives; no score contains it
        return ranked.topk(min(self.search.candidates, scores.shape[1]), dim=1).indices

    def _score_units(self) -> tuple[Any, Tensor]:
        """Return the new decoder state, and the scores of all units (N, V) by decoder, language model and reward."""
        search, decoder = self.search, None
        if self.memory is not None:
            logits, decoder = self.net.decoder.step(self.units[:, -1], self.memory, self.state.decoder)
            scores = (1.0 - search.ctc_weight) * logits.double().log_softmax(dim=-1)
        else:
            scores = torch.zeros_like(self.peaks)
        if self.language is not None:
            assert self.state.contexts is not None
            by_language = torch.stack([self.language.log_probs(context) for context in self.state.contexts])
            scores = scores + search.language_weight * by_language.to(scores)
        scores = scores + search.reward
        scores[:, EOS] -= search.reward
        scores[:, [BLANK, UNKNOWN]] = LOG_ZERO
        return decoder, scores

    def _finish(self, ended: Tensor) -> None:
        """Add the texts that end at this step to the results."""
        for b, scores in enumerate(ended.tolist()):
            for k, score in enumerate(scores):
                if score > LOG_ZERO / 2:
                    row = b * self.shape[1] + k
                    self.found[b].append(Hypothesis(self.units[row, 1:].tolist(), score))

    def _advance(self, rows: Tensor, units: Tensor, by_ctc: Tensor, decoder: Any) -> None:
        """Append ``units`` (N,) to the hypotheses with the indices ``rows`` (N,)."""
        prefix = None
        if self.prefix:
            assert self.state.prefix is not None
            prefix = self.prefix.advance(self.state.prefix, rows, units, by_ctc)
        contexts = None
        if self.language is not None:
            assert self.state.contexts is not None
            contexts = [
                self.language.context([*self.state.contexts[row], unit])
                for row, unit in zip(rows.tolist(), units.tolist(), strict=True)
            ]
        self.units = torch.cat([self.units[rows], units[:, None]], dim=1)
        self.state = SearchState(prefix, select_rows(decoder, rows), contexts)

    def _prune(self, scores: Tensor) -> Tensor:
        """Set the scores of hypotheses to ``LOG_ZERO`` that cannot become the best text of their utterance.

        Log-probabilities only lower a score; each further unit raises it by at most the reward.
        """
        best = [max((one.score for one in found), default=LOG_ZERO) for found in self.found]
        remaining = (self.limits - (self.units.shape[1] - 1))[:, None]
        highest = scores + max(self.search.reward, 0.0) * remaining.clamp(min=0)
        hopeless = highest < torch.tensor(best, dtype=scores.dtype, device=scores.device)[:, None]
        return scores.masked_fill(hopeless | (remaining < 0), LOG_ZERO)


def _top(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The ``size`` largest scores of each row and their places; where a row is shorter, ``LOG_ZERO`` and place 0."""
    best, places = scores.topk(min(size, scores.shape[1]), dim=1)
    if (missing := size - best.shape[1]) > 0:
        best = torch.nn.functional.pad(best, (0, missing), value=LOG_ZERO)
        places = torch.nn.functional.pad(places, (0, missing))
    return best, places


def select_rows(state: Any, rows: Tensor) -> Any:
    """Select rows of every tensor in a state of nested tuples; anything else is returned unchanged."""
    if isinstance(state, Tensor):
        return state[rows]
    if isinstance(state, tuple):
        items = [select_rows(item, rows) for item in state]
        return type(state)(*items) if hasattr(state, "_fields") else tuple(items)
    return state

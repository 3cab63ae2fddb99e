"""Beam search over units, batched: CTC, attention decoder and language model vote on every step."""

# B utterances, K hypotheses of each, N = B K, S positions, V number of units, C candidates

from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.errors import UserError
from tasks.speech.models.conformer import Encoded
from tasks.speech.models.recognizer import Recogniser
from tasks.speech.search.ngram import Context, NGram
from tasks.speech.search.prefix import PrefixScorer, PrefixState
from tasks.speech.units import BLANK, EOS, UNKNOWN

NEVER = -1e30


class Hypothesis(NamedTuple):
    """A text that was found: its units without ``EOS``, and its score."""

    units: list[int]
    score: float


class State(NamedTuple):
    """What the voters remember of N hypotheses; None for one without a vote."""

    prefix: PrefixState | None
    decoder: Any
    contexts: list[Context] | None


class BeamSearch:
    """The best texts by  w ctc + (1 - w) attention + l language + r (number of units).

    One pass from unit to unit (Watanabe et al. 2017, section IV-C): all B K hypotheses are extended at once. CTC's part
    is that of ``PrefixScorer``, so a text must account for the whole utterance: attention can neither skip nor repeat.

    Args:
        beam: K.
        ctc_weight: w in [0, 1]; 0 is attention alone, 1 CTC alone, which never asks the decoder.
        language_weight: l, of the n-gram of the training transcripts (shallow fusion); 0 for none.
        order: n of the n-gram.
        reward: r, for every unit: above 0 against texts that are too short.
        candidates: units C that other votes leave for CTC to score, at each step of a hypothesis.
        most: units of a text for one position of the encoder; bounds its length.
    """

    def __init__(
        self,
        beam: int = 10,
        ctc_weight: float = 0.3,
        language_weight: float = 0.0,
        order: int = 6,
        reward: float = 0.0,
        candidates: int = 40,
        most: float = 1.0,
    ) -> None:
        if beam < 1 or order < 1 or candidates < 1:
            raise UserError(f"beam={beam}, order={order} and candidates={candidates} of a search must be at least 1")
        if not 0.0 <= ctc_weight <= 1.0:
            raise UserError(f"ctc_weight={ctc_weight} of a search should be between 0 and 1")
        self.beam, self.ctc_weight, self.language_weight = beam, ctc_weight, language_weight
        self.order, self.reward, self.candidates, self.most = order, reward, candidates, most

    @torch.no_grad()
    def __call__(self, net: Recogniser, encoded: Encoded) -> list[list[Hypothesis]]:
        """For every utterance up to K texts, the best first."""
        language = net.language(self.order) if self.language_weight else None
        beam = _Beam(self, net, encoded, language)
        while beam.step():
            pass
        return [sorted(found, key=lambda one: -one.score)[: self.beam] for found in beam.found]


class _Beam:
    """One search under way."""

    def __init__(self, search: BeamSearch, net: Recogniser, encoded: Encoded, language: NGram | None) -> None:
        self.search, self.net, self.language = search, net, language
        B, K = len(encoded.lengths), search.beam
        self.shape = (B, K)
        device = encoded.memory.device
        wide = Encoded(encoded.memory.repeat_interleave(K, dim=0), encoded.lengths.repeat_interleave(K))
        log_probs = net.ctc_log_probs(encoded).repeat_interleave(K, dim=0)
        self.peaks = log_probs.max(dim=1).values.double()  # (N, V): how likely a unit ever is
        self.prefix = PrefixScorer(log_probs, wide.lengths) if search.ctc_weight > 0.0 else None
        self.memory = net.decoder.remember(wide) if search.ctc_weight < 1.0 else None  # type: ignore[operator]
        self.state = State(
            self.prefix.start() if self.prefix else None,
            net.decoder.start(self.memory) if self.memory is not None else None,  # type: ignore[operator]
            [self.language.context([EOS])] * (B * K) if self.language else None,
        )
        self.units = torch.full((B * K, 1), EOS, device=device)
        self.scores = torch.full((B, K), NEVER, dtype=torch.float64, device=device)
        self.scores[:, 0] = 0.0  # one empty text to begin with
        self.limits = (encoded.lengths * search.most).long().clamp(min=1)
        self.found: list[list[Hypothesis]] = [[] for _ in range(B)]

    def step(self) -> bool:
        """Extend every hypothesis by one unit; False when none may grow any more."""
        B, K = self.shape
        decoder, votes = self._votes()
        candidates = votes.topk(min(self.search.candidates, votes.shape[1]), dim=1).indices
        candidates = torch.cat([torch.full_like(candidates[:, :1], EOS), candidates], dim=1)
        gained = votes.gather(1, candidates)
        gained[:, 1:] = gained[:, 1:].masked_fill(candidates[:, 1:] == EOS, NEVER)  # the end stands in front
        by_ctc = torch.zeros_like(gained)
        if self.prefix:
            assert self.state.prefix is not None
            by_ctc = self.prefix.score(self.state.prefix, candidates)
            gained = gained + self.search.ctc_weight * by_ctc
        total = self.scores.view(-1, 1) + gained
        self._finish(total[:, 0].view(B, K))
        growing = total[:, 1:].reshape(B, -1)
        scores, places = growing.topk(min(K, growing.shape[1]), dim=1)
        if scores.shape[1] < K:
            missing = K - scores.shape[1]
            scores = torch.cat([scores, scores.new_full((B, missing), NEVER)], dim=1)
            places = torch.cat([places, places.new_zeros(B, missing)], dim=1)
        width = candidates.shape[1] - 1
        rows = (places // width + torch.arange(B, device=places.device)[:, None] * K).flatten()
        columns = places.flatten() % width + 1
        units = candidates[rows, columns]
        self._advance(rows, units, by_ctc[rows, columns], decoder)
        self.scores = self._still_growing(scores)
        return bool((self.scores > NEVER / 2).any())

    def _votes(self) -> tuple[Any, Tensor]:
        """The decoder's state behind the last unit, and what decoder and language model give each unit, (N, V)."""
        search, decoder = self.search, None
        if self.memory is not None:
            logits, decoder = self.net.decoder.step(self.units[:, -1], self.memory, self.state.decoder)  # type: ignore[operator]
            votes = (1.0 - search.ctc_weight) * logits.double().log_softmax(dim=-1)
        else:
            votes = 0.1 * self.peaks if self.language is None and self.search.candidates < self.peaks.shape[1] else None
            votes = torch.zeros_like(self.peaks) if votes is None else votes
        if self.language is not None:
            assert self.state.contexts is not None
            told = torch.stack([self.language.log_probs(context) for context in self.state.contexts])
            votes = votes + search.language_weight * told.to(votes)
        votes = votes + search.reward
        votes[:, EOS] -= search.reward
        votes[:, [BLANK, UNKNOWN]] = NEVER
        return decoder, votes

    def _finish(self, ended: Tensor) -> None:
        """Keep the texts that end here."""
        for b, scores in enumerate(ended.tolist()):
            for k, score in enumerate(scores):
                if score > NEVER / 2:
                    row = b * self.shape[1] + k
                    self.found[b].append(Hypothesis(self.units[row, 1:].tolist(), score))

    def _advance(self, rows: Tensor, units: Tensor, by_ctc: Tensor, decoder: Any) -> None:
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
        self.state = State(prefix, select(decoder, rows), contexts)

    def _still_growing(self, scores: Tensor) -> Tensor:
        """Scores of the hypotheses that may yet become the best text of their utterance, ``NEVER`` for the others.

        Votes only lower a score; rewards raise it, by no more than the units that there is room for.
        """
        best = [max((one.score for one in found), default=NEVER) for found in self.found]
        room = (self.limits - (self.units.shape[1] - 1))[:, None]
        highest = scores + max(self.search.reward, 0.0) * room.clamp(min=0)
        hopeless = highest < torch.tensor(best, dtype=scores.dtype, device=scores.device)[:, None]
        return scores.masked_fill(hopeless | (room < 0), NEVER)


def select(state: Any, rows: Tensor) -> Any:
    """The given rows of every tensor in a tuple of tuples, tensors, numbers and None."""
    if isinstance(state, Tensor):
        return state[rows]
    if isinstance(state, tuple):
        parts = [select(part, rows) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state


def greedy_ctc(log_probs: Tensor, lengths: Tensor) -> list[list[int]]:
    """The best unit at every position, repeats and blanks taken out: (B, S, V), (B,) -> units of each."""
    best = log_probs.argmax(dim=-1)
    texts = []
    for path, length in zip(best.tolist(), lengths.tolist(), strict=True):
        path = path[:length]
        kept = [unit for place, unit in enumerate(path) if place == 0 or unit != path[place - 1]]
        texts.append([unit for unit in kept if unit > UNKNOWN])
    return texts

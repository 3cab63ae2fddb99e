"""CTC prefix scores against the sum over all paths."""

import pytest
import torch

from tasks.speech.search.prefix import PrefixScorer
from tasks.speech.units import EOS
from tests.speech.search.paths import texts_of_all_paths


def test_prefix_scores_equal_sums_over_all_paths() -> None:
    torch.manual_seed(3)
    lengths = torch.tensor([5, 3, 1])
    log_probs = torch.randn(3, 5, 5, dtype=torch.float64).log_softmax(-1)
    scorer = PrefixScorer(log_probs, lengths)
    totals = [texts_of_all_paths(log_probs[b, :length]) for b, length in enumerate(lengths.tolist())]
    state = scorer.start()
    everything = torch.arange(5).expand(3, 5)
    prefix: tuple[int, ...] = ()
    for unit in (3, 3, 4, 2):  # with a repeat, and longer than the shortest utterance allows
        gained = scorer.score(state, everything)
        for b in range(3):
            for candidate in range(2, 5):
                begun = (*prefix, candidate)
                p = sum(value for text, value in totals[b].items() if text[: len(begun)] == begun)
                got = float((state.score[b] + gained[b, candidate]).exp())
                assert got == pytest.approx(p, abs=1e-12), (b, begun)
            ended = float((state.score[b] + gained[b, EOS]).exp())
            assert ended == pytest.approx(totals[b].get(prefix, 0.0), abs=1e-12)
        state = scorer.advance(state, torch.arange(3), torch.full((3,), unit), gained[:, unit])
        prefix = (*prefix, unit)


def test_scores_of_a_long_utterance_are_finite_and_end_at_the_ctc_loss_of_torch() -> None:
    torch.manual_seed(0)
    log_probs = (4 * torch.randn(1, 900, 9)).log_softmax(-1)
    text = torch.randint(2, 9, (1, 61))
    scorer = PrefixScorer(log_probs, torch.tensor([900]))
    state = scorer.start()
    for unit in text[0]:
        gained = scorer.score(state, unit.view(1, 1))
        state = scorer.advance(state, torch.tensor([0]), unit.view(1), gained[:, 0])
    ended = state.score + scorer.score(state, torch.tensor([[EOS]]))[:, 0]
    loss = torch.nn.functional.ctc_loss(
        log_probs.double().transpose(0, 1), text, torch.tensor([900]), torch.tensor([61]), reduction="none"
    )
    torch.testing.assert_close(-ended, loss, rtol=1e-9, atol=1e-6)

"""CTC prefix scores against all paths, the search against all texts, the n-gram against its definition."""

import itertools
import math

import pytest
import torch

from suite.errors import UserError
from tasks.speech.models.conformer import Encoded
from tasks.speech.search.beam import BeamSearch, greedy_ctc
from tasks.speech.search.ngram import NGram
from tasks.speech.search.prefix import PrefixScorer
from tasks.speech.units import BLANK, EOS, UNKNOWN
from tests.speech.conftest import network


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(unit for unit, _ in itertools.groupby(path) if unit != BLANK)


def texts_of_all_paths(log_probs: torch.Tensor) -> dict[tuple[int, ...], float]:
    """The probability of every text, summed over all paths."""
    length, num_units = log_probs.shape
    totals: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(num_units), repeat=length):
        p = math.exp(sum(float(log_probs[t, unit]) for t, unit in enumerate(path)))
        totals[collapse(path)] = totals.get(collapse(path), 0.0) + p
    return totals


def test_prefix_scores_are_those_of_all_paths() -> None:
    torch.manual_seed(3)
    lengths = torch.tensor([5, 3, 1])
    log_probs = torch.randn(3, 5, 5, dtype=torch.float64).log_softmax(-1)
    scorer = PrefixScorer(log_probs, lengths)
    totals = [texts_of_all_paths(log_probs[b, :length]) for b, length in enumerate(lengths.tolist())]
    state = scorer.start()
    everything = torch.arange(5).expand(3, 5)
    prefix: tuple[int, ...] = ()
    for unit in (3, 3, 4, 2):  # a repeat, and more than the shortest utterance has room for
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


def test_prefix_scores_of_a_long_utterance_stay_finite_and_end_as_torch_says() -> None:
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


def encoded_of(net: torch.nn.Module, *lengths: int) -> Encoded:
    torch.manual_seed(1)
    features = torch.randn(len(lengths), max(lengths), 5)
    return net.encode(features, torch.tensor(lengths))


def score_of(net, search: BeamSearch, encoded: Encoded, b: int, text: tuple[int, ...]) -> float:
    """The joint score of one text from its definition."""
    one = Encoded(encoded.memory[b : b + 1, : encoded.lengths[b]], encoded.lengths[b : b + 1])
    total = search.reward * len(text)
    if search.ctc_weight > 0:
        p = texts_of_all_paths(net.ctc_log_probs(one)[0].detach()).get(text, 0.0)
        total += search.ctc_weight * (math.log(p) if p > 0 else -math.inf)
    if search.ctc_weight < 1:
        logits = net.decoder(torch.tensor([[EOS, *text]]), net.decoder.remember(one))[0]
        units = [*text, EOS]
        told = logits.log_softmax(-1)[range(len(units)), units].sum()
        total += (1 - search.ctc_weight) * float(told)
    if search.language_weight:
        model, units = net.language(search.order), [EOS, *text, EOS]
        told = sum(float(model.log_probs(model.context(units[:n]))[units[n]]) for n in range(1, len(units)))
        total += search.language_weight * told
    return total


@pytest.mark.parametrize("model", ["speech/ctc_attention", "speech/las"])
@pytest.mark.parametrize(
    "weights", [(0.3, 0.0, 0.0), (1.0, 0.4, 0.3), (0.0, 0.0, 0.0), (0.5, 0.6, 0.1), (1.0, 0.0, 0.0)]
)
def test_a_wide_beam_finds_the_best_of_all_texts(model: str, weights: tuple[float, float, float]) -> None:
    net = network(model=model)
    encoded = encoded_of(net, 12, 6)  # 3 and 2 positions
    ctc, language, reward = weights
    search = BeamSearch(beam=90, ctc_weight=ctc, language_weight=language, order=3, reward=reward)
    found = search(net, encoded)
    writable = [unit for unit in range(len(net.units)) if unit not in (BLANK, EOS, UNKNOWN)]
    for b, length in enumerate(encoded.lengths.tolist()):
        texts = [text for n in range(length + 1) for text in itertools.product(writable, repeat=n)]
        with torch.no_grad():
            scores = {text: score_of(net, search, encoded, b, text) for text in texts}
        best = max(scores, key=scores.__getitem__)
        assert tuple(found[b][0].units) == best
        for one in found[b][:5]:
            assert one.score == pytest.approx(scores[tuple(one.units)], rel=1e-4)


@pytest.mark.parametrize("model", ["speech/ctc_attention", "speech/las"])
def test_searching_a_batch_finds_what_single_searches_find(model: str) -> None:
    net = network(model=model)
    encoded = encoded_of(net, 41, 7, 23)
    search = BeamSearch(beam=4, ctc_weight=0.4, language_weight=0.2, order=2)
    together = search(net, encoded)
    for b, length in enumerate(encoded.lengths.tolist()):
        alone = search(net, Encoded(encoded.memory[b : b + 1, :length], encoded.lengths[b : b + 1]))[0]
        assert [one.units for one in alone] == [one.units for one in together[b]]
        assert [one.score for one in alone] == pytest.approx([one.score for one in together[b]], abs=1e-4)


def test_no_text_is_longer_than_the_bound() -> None:
    net = network()
    found = BeamSearch(beam=3, ctc_weight=0.0, reward=50.0, most=0.5)(net, encoded_of(net, 40))
    assert max(len(one.units) for one in found[0]) <= 5


def test_greedy_is_the_best_path_collapsed() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(4, 12, 6).log_softmax(-1)
    lengths = torch.tensor([12, 5, 1, 9])
    for row, length, found in zip(log_probs, lengths.tolist(), greedy_ctc(log_probs, lengths), strict=True):
        path = tuple(row[:length].argmax(-1).tolist())
        assert found == [unit for unit in collapse(path) if unit > UNKNOWN]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_n_gram_is_its_definition_and_sums_to_one(order: int) -> None:
    texts = [[3, 4, 3], [4], [3, 4, 4, 5], []]
    model = NGram(texts, num_units=7, order=order)
    sequences = [[EOS, *text, EOS] for text in texts]

    def p(unit: int, context: tuple[int, ...]) -> float:
        shorter = p(unit, context[1:]) if context else (unit != BLANK) / 6
        behind = [
            s[n]
            for s in sequences
            for n in range(1, len(s))
            if len(context) <= n and tuple(s[n - len(context) : n]) == context
        ]
        if not behind:
            return shorter
        return (behind.count(unit) + len(set(behind)) * shorter) / (len(behind) + len(set(behind)))

    for context in ((), (EOS,), (3,), (3, 4), (4, 4), (9, 9, 9), (EOS, 3, 4)):
        context = model.context(list(context)) if context else model.context([])
        told = model.log_probs(context).exp()
        assert float(told.sum()) == pytest.approx(1.0)
        assert told.tolist() == pytest.approx([p(unit, context) for unit in range(7)], abs=1e-6)


@pytest.mark.parametrize("wrong", [{"beam": 0}, {"ctc_weight": 1.5}, {"order": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError):
        BeamSearch(**wrong)

"""The beam search against the scores of all texts."""

import itertools
import math

import pytest
import torch

from suite.errors import UserError
from tasks.speech.models.encoder import EncodedSpeech
from tasks.speech.search.beam import BeamSearch
from tasks.speech.units import BLANK, EOS, UNKNOWN
from tests.speech.conftest import encode_noise, network
from tests.speech.search.paths import texts_of_all_paths


def score_of(net, search: BeamSearch, encoded: EncodedSpeech, b: int, text: tuple[int, ...]) -> float:
    """Return the joint score of one text by its definition."""
    one = EncodedSpeech(encoded.memory[b : b + 1, : encoded.lengths[b]], encoded.lengths[b : b + 1])
    total = search.reward * len(text)
    if search.ctc_weight > 0:
        p = texts_of_all_paths(net.ctc_log_probs(one)[0].detach()).get(text, 0.0)
        total += search.ctc_weight * (math.log(p) if p > 0 else -math.inf)
    if search.ctc_weight < 1:
        logits = net.decoder(torch.tensor([[EOS, *text]]), net.decoder.project_memory(one))[0]
        units = [*text, EOS]
        scores_of_units = logits.log_softmax(-1)[range(len(units)), units].sum()
        total += (1 - search.ctc_weight) * float(scores_of_units)
    if search.language_weight:
        model, units = net.language(search.order), [EOS, *text, EOS]
        scores_of_units = sum(float(model.log_probs(model.context(units[:n]))[units[n]]) for n in range(1, len(units)))
        total += search.language_weight * scores_of_units
    return total


@pytest.mark.parametrize("model", ["speech/ctc_attention", "speech/las"])
@pytest.mark.parametrize(
    "weights", [(0.3, 0.0, 0.0), (1.0, 0.4, 0.3), (0.0, 0.0, 0.0), (0.5, 0.6, 0.1), (1.0, 0.0, 0.0)]
)
def test_a_wide_beam_finds_the_best_of_all_texts(model: str, weights: tuple[float, float, float]) -> None:
    net = network(model=model)
    encoded = encode_noise(net, 12, 6)  # 3 and 2 positions
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
def test_a_batch_gives_the_results_of_single_utterances(model: str) -> None:
    net = network(model=model)
    encoded = encode_noise(net, 41, 7, 23)
    search = BeamSearch(beam=4, ctc_weight=0.4, language_weight=0.2, order=2)
    together = search(net, encoded)
    for b, length in enumerate(encoded.lengths.tolist()):
        alone = search(net, EncodedSpeech(encoded.memory[b : b + 1, :length], encoded.lengths[b : b + 1]))[0]
        assert [one.units for one in alone] == [one.units for one in together[b]]
        assert [one.score for one in alone] == pytest.approx([one.score for one in together[b]], abs=1e-4)


def test_the_length_of_a_text_is_bounded() -> None:
    net = network()
    found = BeamSearch(beam=3, ctc_weight=0.0, reward=50.0, max_units_per_position=0.5)(net, encode_noise(net, 40))
    assert max(len(one.units) for one in found[0]) <= 5


@pytest.mark.parametrize("candidates", [4, 40])
def test_ctc_alone_scores_a_text_as_ctc_does(candidates: int) -> None:
    net = network()
    encoded = encode_noise(net, 12)
    for one in BeamSearch(beam=5, ctc_weight=1.0, candidates=candidates)(net, encoded)[0]:
        by_ctc = score_of(net, BeamSearch(beam=5, ctc_weight=1.0), encoded, 0, tuple(one.units))
        assert one.score == pytest.approx(by_ctc, rel=1e-4)


def test_with_one_unit_less_than_all_ctc_alone_finds_its_best_text() -> None:
    net = network()
    writable = [unit for unit in range(len(net.units)) if unit not in (BLANK, EOS, UNKNOWN)]
    search = BeamSearch(beam=90, ctc_weight=1.0, candidates=len(net.units) - 1)
    for seed in range(20):
        torch.manual_seed(seed)
        log_probs = (2 * torch.randn(1, 3, len(net.units))).log_softmax(-1)
        net.ctc_log_probs = lambda encoded, log_probs=log_probs: log_probs
        encoded = EncodedSpeech(torch.zeros(1, 3, 16), torch.tensor([3]))
        by_ctc = texts_of_all_paths(log_probs[0])
        texts = [text for n in range(4) for text in itertools.product(writable, repeat=n)]
        assert tuple(search(net, encoded)[0][0].units) == max(texts, key=lambda text: by_ctc.get(text, 0.0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beam": 0}, "beam of a search must be at least 1, got 0"),
        ({"order": 0}, "order of a search must be at least 1, got 0"),
        ({"ctc_weight": 1.5}, "ctc_weight of a search must be between 0 and 1, got 1.5"),
    ],
)
def test_values_out_of_range_are_rejected(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        BeamSearch(**{"beam": 1, "ctc_weight": 0.5, **wrong})

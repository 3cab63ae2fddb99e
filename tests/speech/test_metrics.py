"""Error rates against torchmetrics."""

import pytest
import torch

from tasks.speech.metrics import edit_counts, error_rates

CASES = [("a b c", "a b c"), ("a b c", "a x c"), ("a b c", "a c"), ("a c", "a b c"), ("", ""), ("", "a b"), ("a b", "")]


def test_rates_equal_those_of_torchmetrics() -> None:
    text = pytest.importorskip("torchmetrics.functional.text")
    references, hypotheses = zip(*CASES, strict=True)
    rates = error_rates(edit_counts(references, hypotheses))
    assert rates["wer"] == pytest.approx(float(text.word_error_rate(list(hypotheses), list(references))))
    assert rates["cer"] == pytest.approx(float(text.char_error_rate(list(hypotheses), list(references))))
    assert rates["wer"] == pytest.approx(rates["substitutions"] + rates["deletions"] + rates["insertions"])
    assert rates["accuracy"] == pytest.approx(2 / 7)


@pytest.mark.parametrize(
    ("references", "hypotheses", "wer"),
    [([""], [""], 0.0), (["", ""], ["", "a"], 1.0), (["", "a b"], ["c", "a b"], 0.5)],
)
def test_words_for_an_empty_reference_are_insertions(references: list[str], hypotheses: list[str], wer: float) -> None:
    assert error_rates(edit_counts(references, hypotheses))["wer"] == wer


def test_rates_do_not_depend_on_batches() -> None:
    references, hypotheses = zip(*CASES, strict=True)
    batches = [edit_counts(references[n : n + 2], hypotheses[n : n + 2]) for n in range(0, len(CASES), 2)]
    assert error_rates(torch.cat(batches)) == error_rates(edit_counts(references, hypotheses))

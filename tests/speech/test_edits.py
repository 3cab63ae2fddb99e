"""Error rates against torchmetrics and against the definition."""

import random

import pytest
import torch

from tasks.speech.metrics import count_edits, edit_rows, rates

CASES = [("a b c", "a b c"), ("a b c", "a x c"), ("a b c", "a c"), ("a c", "a b c"), ("", ""), ("", "a b"), ("a b", "")]


def slow_distance(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> int:
    if not reference or not hypothesis:
        return len(reference) + len(hypothesis)
    changed = slow_distance(reference[1:], hypothesis[1:]) + (reference[0] != hypothesis[0])
    return min(changed, slow_distance(reference[1:], hypothesis) + 1, slow_distance(reference, hypothesis[1:]) + 1)


def test_edits_are_the_fewest_and_add_up() -> None:
    drawn = random.Random(0)
    for _ in range(150):
        reference = tuple(drawn.choices("abc", k=drawn.randint(0, 6)))
        hypothesis = tuple(drawn.choices("abc", k=drawn.randint(0, 6)))
        length, substitutions, deletions, insertions = count_edits(reference, hypothesis)
        assert substitutions + deletions + insertions == slow_distance(reference, hypothesis)
        assert length == len(reference)
        assert len(reference) - deletions + insertions == len(hypothesis)


def test_rates_are_those_of_torchmetrics() -> None:
    text = pytest.importorskip("torchmetrics.functional.text")
    references, hypotheses = zip(*CASES, strict=True)
    told = rates(edit_rows(references, hypotheses))
    assert told["wer"] == pytest.approx(float(text.word_error_rate(list(hypotheses), list(references))))
    assert told["cer"] == pytest.approx(float(text.char_error_rate(list(hypotheses), list(references))))
    assert told["wer"] == pytest.approx(told["substitutions"] + told["deletions"] + told["insertions"])
    assert told["accuracy"] == pytest.approx(2 / 7)


def test_empty_references_have_a_rule() -> None:
    assert rates(edit_rows([""], [""]))["wer"] == 0.0
    assert rates(edit_rows(["", ""], ["", "a"]))["wer"] == 1.0
    assert rates(edit_rows(["", "a b"], ["c", "a b"]))["wer"] == 0.5


def test_rates_do_not_depend_on_batches() -> None:
    references, hypotheses = zip(*CASES, strict=True)
    parts = [edit_rows(references[n : n + 2], hypotheses[n : n + 2]) for n in range(0, len(CASES), 2)]
    assert rates(torch.cat(parts)) == rates(edit_rows(references, hypotheses))

"""The n-gram against its definition."""

import pytest

from tasks.speech.search.ngram import NGram
from tasks.speech.units import BLANK, EOS


@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_follow_the_definition_and_sum_to_1(order: int) -> None:
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
        probabilities = model.log_probs(context).exp()
        assert float(probabilities.sum()) == pytest.approx(1.0)
        assert probabilities.tolist() == pytest.approx([p(unit, context) for unit in range(7)], abs=1e-6)


def test_an_order_below_1_is_rejected() -> None:
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        NGram([[3]], 5, 0)

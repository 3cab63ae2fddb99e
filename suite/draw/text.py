"""A text with words and sentences shaded by their attention weights, as HTML."""

import html
from collections.abc import Sequence

__all__ = ["shade_text"]

COLOUR = "214, 96, 77"  # of words, as red, green, blue
BAR_COLOUR = "67, 147, 195"  # of sentences
LEGEND = '<div style="color: gray; font-size: 11px">bar: weight of the sentence; colour: weight of the word in it</div>'


def shade_text(
    sentences: Sequence[Sequence[str]],
    word_weights: Sequence[Sequence[float]],
    sentence_weights: Sequence[float],
    title: str = "",
) -> str:
    """Return HTML of a text: one line for each sentence, with a bar for its weight and its words shaded by theirs.

    The colour of a word is its weight divided by four times the mean weight of its sentence, so that long and short
    sentences are comparable. The text is escaped.

    Args:
        sentences: words of each sentence.
        word_weights: weight of each word; they sum to 1 in each sentence.
        sentence_weights: weight of each sentence; they sum to 1.
        title: a heading in bold, for example the predicted class.

    Raises:
        ValueError: if the numbers of weights do not fit.

    >>> "superb" in shade_text([["superb", "!"]], [[0.9, 0.1]], [1.0])
    True
    """
    if [len(words) for words in sentences] != [len(weights) for weights in word_weights]:
        raise ValueError("word_weights must have one weight for each word of each sentence")
    if len(sentences) != len(sentence_weights):
        raise ValueError(f"sentence_weights must have {len(sentences)} weights, got {len(sentence_weights)}")
    lines = [
        f'<div style="margin: 2px 0; line-height: 1.5">{_bar(share)}'
        + " ".join(_word(word, weight * len(words)) for word, weight in zip(words, weights, strict=True))
        + "</div>"
        for words, weights, share in zip(sentences, word_weights, sentence_weights, strict=True)
    ]
    head = f"<b>{html.escape(title)}</b>" if title else ""
    style = "font-family: sans-serif; font-size: 13px; max-width: 900px"
    return f'<div style="{style}">{head}{LEGEND}{"".join(lines)}</div>'


def _word(word: str, times_mean: float) -> str:
    strength = min(max(times_mean, 0.0) / 4.0, 1.0)
    return f'<span style="background: rgba({COLOUR}, {strength:.2f})">{html.escape(word)}</span>'


def _bar(share: float) -> str:
    inner = f"display: inline-block; height: 10px; width: {60 * share:.0f}px; background: rgb({BAR_COLOUR})"
    outer = "display: inline-block; width: 66px; vertical-align: middle"
    return f'<span style="{outer}" title="{share:.2f}"><span style="{inner}"></span></span>'

"""A text as its reader saw it: words and sentences shaded by the attention they got."""

import html
from collections.abc import Sequence

COLOUR = "214, 96, 77"  # of words, as red, green, blue
EDGE = "67, 147, 195"  # of sentences


def shade_text(
    sentences: Sequence[Sequence[str]],
    word_weights: Sequence[Sequence[float]],
    sentence_weights: Sequence[float],
    title: str = "",
) -> str:
    """HTML of a text: a line for every sentence, its bar as wide as its weight, its words as dark as theirs.

    A word's weight counts against the mean of its sentence, so that long and short sentences can be compared: at the
    mean it is pale, at four times the mean full. ``sentence_weights`` sum to 1 in a text, ``word_weights`` in each
    sentence. Nothing of the text is taken for HTML. Raises ValueError where the numbers of weights do not fit.

    >>> "superb" in shade_text([["superb", "!"]], [[0.9, 0.1]], [1.0])
    True
    """
    if [len(words) for words in sentences] != [len(weights) for weights in word_weights]:
        raise ValueError("every word needs one weight: word_weights must have the lengths of the sentences")
    if len(sentences) != len(sentence_weights):
        raise ValueError(f"{len(sentences)} sentences need as many weights, got {len(sentence_weights)}")
    lines = [
        f'<div style="margin: 2px 0; line-height: 1.5">{_bar(share)}'
        + " ".join(_word(word, weight * len(words)) for word, weight in zip(words, weights, strict=True))
        + "</div>"
        for words, weights, share in zip(sentences, word_weights, sentence_weights, strict=True)
    ]
    head = f"<b>{html.escape(title)}</b>" if title else ""
    return f'<div style="font-family: sans-serif; font-size: 13px; max-width: 900px">{head}{"".join(lines)}</div>'


def _word(word: str, times_mean: float) -> str:
    strength = min(max(times_mean, 0.0) / 4.0, 1.0)
    return f'<span style="background: rgba({COLOUR}, {strength:.2f})">{html.escape(word)}</span>'


def _bar(share: float) -> str:
    inner = f"display: inline-block; height: 10px; width: {60 * share:.0f}px; background: rgb({EDGE})"
    outer = "display: inline-block; width: 66px; vertical-align: middle"
    return f'<span style="{outer}" title="{share:.2f}"><span style="{inner}"></span></span>'

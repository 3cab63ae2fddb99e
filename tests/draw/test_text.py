"""Shaded texts say what was weighed, and take nothing of a text for HTML."""

import pytest

from suite.draw.text import shade_text


def test_a_text_is_shaded_in_order_and_escaped() -> None:
    page = shade_text([["<b>", "good"], ["x"]], [[0.0, 1.0], [1.0]], [0.75, 0.25], title="a & b")
    assert "<b>a &amp; b</b>" in page
    assert "&lt;b&gt;" in page
    assert page.index("&lt;b&gt;") < page.index("good") < page.index(">x<")
    assert "rgba(214, 96, 77, 0.50)" in page  # twice the mean of its sentence
    assert page.count("rgba(214, 96, 77, 0.25)") == 1  # the mean
    assert 'title="0.75"' in page


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="word_weights must have one weight"):
        shade_text([["a"]], [[0.5, 0.5]], [1.0])
    with pytest.raises(ValueError, match="sentence_weights must have 1 weights, got 2"):
        shade_text([["a"]], [[1.0]], [0.5, 0.5])

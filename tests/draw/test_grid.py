"""A matrix of weights with names."""

import pytest
import torch

from suite.draw.grid import shade_grid


def test_a_row_is_shaded_by_its_own_largest_weight() -> None:
    page = shade_grid(torch.tensor([[0.2, 0.1], [0.0, 0.8]]), ["a<b", "c"], ["x", "y"], "A & B")
    assert "a&lt;b" in page
    assert "A &amp; B" in page
    assert page.count(", 1.00)") == 2
    assert page.count(", 0.50)") == 1
    assert 'title="0.800"' in page
    assert ">x</th>" in page


def test_the_same_things_are_named_once() -> None:
    page = shade_grid(torch.eye(3), ["p", "q", "r"], ["p", "q", "r"])
    assert page.count("2. q") == 1
    assert ">2</th>" in page


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 1 rows"):
        shade_grid(torch.eye(2), ["a"], ["a", "b"])

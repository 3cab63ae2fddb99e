"""A spectrogram with the attention of each unit below it."""

import pytest
import torch

from suite.draw.speech import draw_alignment


def test_units_are_rows_on_the_time_axis_of_the_features():
    figure = draw_alignment(torch.rand(9, 4), torch.rand(3, 5), ["a", " ", "end"], seconds=0.9, title="a")
    above, below = figure.axes
    assert above.get_xlim() == below.get_xlim() == (0.0, 0.9)
    assert [label.get_text() for label in below.get_yticklabels()] == ["a", "␣", "end"]
    assert above.get_title() == "a"


def test_a_row_for_each_unit_is_required():
    with pytest.raises(ValueError, match="one row for each unit, got 3 rows for 1 units"):
        draw_alignment(torch.rand(9, 4), torch.rand(3, 5), ["a"], seconds=0.9)

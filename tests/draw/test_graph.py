"""A graph is drawn with the width of its edges from the weights."""

import numpy as np
import torch
from matplotlib.figure import Figure

from suite.draw.graph import draw_attention


def test_edges_are_as_wide_as_their_weights_and_self_loops_are_left_out():
    axes = Figure().subplots()
    edges, weights = torch.tensor([[0, 1, 2], [1, 1, 0]]), torch.tensor([0.5, 1.0, 0.25])
    positions, labels = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1, -1])
    draw_attention(axes, positions, edges, weights, labels, ["red", "blue"], width=4.0)
    assert np.allclose(axes.collections[0].get_linewidths(), [2.0, 1.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["unlabelled", "red", "blue"]

"""ROC and reliability curves, against scikit-learn."""

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from suite.draw.curves import draw_reliability, draw_roc, roc_points


def test_roc_points_are_those_of_scikit_learn():
    torch.manual_seed(0)
    scores, positive = (torch.rand(97) * 20).round() / 20, torch.rand(97) < 0.3
    false_rate, true_rate, _ = roc_curve(positive.numpy(), scores.numpy(), drop_intermediate=False)
    found = roc_points(scores, positive)
    assert np.allclose(found[0], false_rate)
    assert np.allclose(found[1], true_rate)


def test_roc_draws_a_curve_for_each_class():
    axes = Figure().subplots()
    draw_roc(axes, torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), torch.tensor([0, 1, 1]), ["dry", "wet"])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["dry", "wet"]


def test_reliability_leaves_out_empty_bins():
    axes = Figure().subplots()
    draw_reliability(axes, torch.tensor([[0.2, 0.1, 0.5], [0.5, 0.0, 0.0], [0.9, 0.8, 0.5]]), "model")
    assert axes.lines[1].get_xdata().tolist() == torch.tensor([0.2, 0.9]).tolist()

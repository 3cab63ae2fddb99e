"""Attention from a config: every preset, every combination, and what is refused."""

import functools
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from suite.attention.build import build_attention, build_edge_score, members
from suite.attention.choices.alignments import Alignment, Sparsemax
from suite.attention.choices.patterns import Pattern, Window
from suite.attention.choices.scores import Additive, Cosine, GATv2Score, Score
from suite.attention.layers.multihead import MultiheadAttention

PRESETS = sorted(Path("conf/attention").glob("*.yaml"))
FACTS = {"num_heads": 2, "head_dim": 3}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_composes_and_attends(path):
    with initialize_config_module("conf", version_base="1.3"):
        config = compose(overrides=[f"+attention={path.stem}"])
    assert set(config) == {"attention"}, "the package line must come first in the file"
    attention = build_attention(instantiate(config.attention, _convert_="all"), **FACTS)
    x = torch.randn(2, 5, 6, requires_grad=True)
    context = MultiheadAttention(6, 2, attention)(x).context
    context.sum().backward()
    assert context.shape == x.shape
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_key_of_a_preset_is_explained(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "# @package attention"
    assert lines[1].startswith("# ")
    assert all("  # " in line for line in lines[2:])


def test_a_choice_is_overridden_by_name_or_with_arguments():
    with initialize_config_module("conf", version_base="1.3"):
        overrides = [
            "+attention=additive",
            "attention.score={name: cosine, sharpness: 2.0}",
            "attention.alignment=sparsemax",
        ]
        config = compose(overrides=overrides)
    attention = build_attention(config.attention, **FACTS)
    assert isinstance(attention.score, Cosine)
    assert isinstance(attention.alignment, Sparsemax)
    torch.testing.assert_close(torch.nn.functional.softplus(attention.score.log_sharpness), torch.full((2, 1, 1), 2.0))


def test_a_class_from_elsewhere_is_given_as_a_callable_or_as_it_is():
    class Mine(Additive):
        pass

    attention = build_attention({"score": functools.partial(Mine), "pattern": Window(1, 1)}, **FACTS)
    assert isinstance(attention.score, Mine)
    assert isinstance(attention.pattern, Window)


def test_the_edge_layout_takes_a_score_and_refuses_the_rest_in_a_sentence():
    assert isinstance(build_edge_score({"score": "gatv2"}, **FACTS), GATv2Score)
    for config, message in (
        ({"alignment": "entmax15"}, "aligns by softmax .* only, not by entmax15; set attention.alignment=softmax"),
        ({"alignment": {"name": "softmax", "temperature": 0.5}}, r"softmax \(temperature 1\) only"),
        ({"pattern": "causal"}, "themselves the pattern, so causal does not apply; set attention.pattern=full"),
        ({"score": "location_sensitive"}, "needs keys that stand in order.*set attention.score=additive"),
    ):
        with pytest.raises(ValueError, match=message):
            build_edge_score(config, **FACTS)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"score": "aditive"}, "there is no score 'aditive'. Did you mean 'additive'. Valid: additive, concat"),
        ({"alignment": "softmaxx"}, "there is no alignment 'softmaxx'. Did you mean 'softmax'"),
        ({"scores": "dot"}, "attention has no 'scores'. Did you mean 'score'. Valid: alignment, dropout"),
        ({"pattern": {"name": "window", "rigth": 2}}, "pattern window has no 'rigth'. Did you mean 'right'"),
        ({"pattern": {"left": 2}}, "a pattern is a name, or a mapping with a name and arguments, got"),
        (
            {"pattern": "axial_rows"},
            "pattern axial_rows needs height, width, .*attention.pattern='{name: axial_rows, height",
        ),
        (
            {"score": lambda: Sparsemax()},
            "a score must be a subclass of suite.attention.choices.scores.Score, got Sparsemax",
        ),
        ({"dropout": 1.5}, "dropout must be a probability"),
    ],
)
def test_what_can_not_be_built_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_attention(config, **FACTS)


def test_every_member_of_a_family_has_its_own_name():
    assert {"dot", "scaled_dot", "general", "concat", "additive", "cosine", "gat", "gatv2"} <= set(members(Score))
    assert {"location_based", "location_sensitive"} <= set(members(Score))
    assert {"softmax", "sparsemax", "entmax15", "sigmoid", "monotonic", "sinkhorn", "hard"} <= set(members(Alignment))
    assert {"full", "causal", "window", "block_sparse", "axial_rows", "local_predictive"} <= set(members(Pattern))

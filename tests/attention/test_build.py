"""Attention from a config: every preset, every kind of choice, and rejected configs."""

import functools
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

import suite.attention
from suite.attention.build import ALIGNMENTS, PATTERNS, SCORES, build_attention, build_edge_attention
from suite.attention.choices.alignments import Alignment, Sparsemax
from suite.attention.choices.patterns import Both, Either, Pattern, Window
from suite.attention.choices.scores import Additive, Cosine, GATv2Score, InnerProduct, Score
from suite.attention.layers.multihead import MultiheadAttention

PRESETS = sorted(Path("conf/attention").glob("[!_]*.yaml"))
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
def test_a_preset_names_its_source_and_only_what_differs_from_the_base(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "# @package attention"
    assert lines[1].startswith("# ")
    base = yaml.safe_load(path.with_name("_base.yaml").read_text())
    own = yaml.safe_load(path.read_text())
    assert own.pop("defaults") == ["_base"]
    assert all(base[key] != value for key, value in own.items())


def test_the_base_has_a_comment_for_every_key():
    lines = Path("conf/attention/_base.yaml").read_text().splitlines()
    assert all("  # " in line for line in lines[1:])


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


def test_a_class_from_elsewhere_is_a_callable_or_an_object():
    class Mine(Additive):
        pass

    attention = build_attention({"score": functools.partial(Mine), "pattern": Window(1, 1)}, **FACTS)
    assert isinstance(attention.score, Mine)
    assert isinstance(attention.pattern, Window)


def test_edge_attention_takes_score_dropout_and_implementation():
    attention = build_edge_attention({"score": "gatv2", "dropout": 0.25}, **FACTS)
    assert isinstance(attention.score, GATv2Score)
    assert attention.dropout == 0.25
    assert attention.kernels is build_edge_attention({"implementation": "auto"}, **FACTS).kernels
    assert attention.kernels is not build_edge_attention({"implementation": "reference"}, **FACTS).kernels


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"alignment": "entmax15"}, "supports only the alignment softmax .*, got entmax15; set attention.align"),
        ({"alignment": {"name": "softmax", "temperature": 0.5}}, "softmax with temperature 1, got softmax"),
        ({"pattern": "causal"}, "themselves the pattern, so causal does not apply; set attention.pattern=full"),
        ({"score": "location_sensitive"}, "have no order of keys; set attention.score=additive"),
        ({"score": "aditive"}, "there is no score 'aditive'. Did you mean 'additive'"),
    ],
)
def test_edge_attention_rejects_choices_without_a_meaning_over_edges(config, message):
    with pytest.raises(ValueError, match=message):
        build_edge_attention(config, **FACTS)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"score": "aditive"}, "there is no score 'aditive'. Did you mean 'additive'. Valid: additive, concat"),
        ({"alignment": "softmaxx"}, "there is no alignment 'softmaxx'. Did you mean 'softmax'"),
        ({"scores": "dot"}, "attention has no key 'scores'. Did you mean 'score'. Valid: alignment, dropout"),
        ({"pattern": {"name": "window", "rigth": 2}}, "pattern window has no argument 'rigth'. Did you mean 'right'"),
        ({"pattern": {"left": 2}}, "a pattern must be a name, or a mapping with a name and arguments, got"),
        (
            {"pattern": "axial_rows"},
            "pattern axial_rows needs height, width, .*attention.pattern='{name: axial_rows, height",
        ),
        ({"score": lambda: Sparsemax()}, "a score must be a subclass of suite.attention.Score, got Sparsemax"),
        ({"dropout": 1.5}, "dropout must be a probability"),
    ],
)
def test_a_bad_config_raises(config, message):
    with pytest.raises(ValueError, match=message):
        build_attention(config, **FACTS)


@pytest.mark.parametrize(
    ("family", "table", "bases"),
    [(Score, SCORES, {InnerProduct}), (Alignment, ALIGNMENTS, set()), (Pattern, PATTERNS, {Both, Either})],
)
def test_the_tables_name_every_public_choice_once(family, table, bases):
    public = [getattr(suite.attention, name) for name in suite.attention.__all__]
    choices = {cls for cls in public if isinstance(cls, type) and issubclass(cls, family)} - {family} - bases
    assert set(table.values()) == choices
    assert len(set(table.values())) == len(table)

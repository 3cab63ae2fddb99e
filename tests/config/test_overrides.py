"""Overrides of a recorded config change plain values; words stay words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.api.overrides import to_dotlist
from suite.config.overrides import merge, typed_keys
from suite.errors import UserError

WORDS = ["???", "${oc.env:HOME}", "\\${x}", "{{", "%s", "a\0b", "x" * 5000, "'", '"', "[", "a: b", "#", "null", "1e-3"]
CONFIG: dict[str, Any] = {"seed": 1, "model": {"dim": 2, "parts": [{"a": 1}, {"a": 2}]}, "run_dir": None}


@pytest.mark.parametrize(
    ("override", "expected"),
    [("seed=7", 7), ("seed=1e-3", 1e-3), ("seed=null", None), ("seed=[a, b]", ["a", "b"]), ("seed={a: 1}", {"a": 1})],
)
def test_a_value_is_yaml(override: str, expected: Any) -> None:
    assert merge(CONFIG, [override])["seed"] == expected
    assert CONFIG["seed"] == 1


def test_nested_keys_lists_and_mappings() -> None:
    assert merge(CONFIG, ["model.parts[1].a=3"])["model"]["parts"] == [{"a": 1}, {"a": 3}]
    assert merge(CONFIG, ["model.parts.0.a=3"])["model"]["parts"] == [{"a": 3}, {"a": 2}]
    assert merge(CONFIG, ["model={dim: 5}"])["model"] == {"dim": 5, "parts": CONFIG["model"]["parts"]}


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("sed=1", "sed is not a key of the config. Did you mean 'seed'"),
        ("model.dmi=1", "model.dmi is not a key of the config below model. Did you mean 'dim'"),
        ("model={dmi: 1}", "model.dmi is not a key"),
        ("seed.x=1", "seed.x is not a key of the config below seed"),
        ("model.parts[9].a=1", "is not a key"),
        ("seed=[1", "cannot be read as a value"),
    ],
)
def test_a_wrong_override_is_one_sentence(override: str, why: str) -> None:
    with pytest.raises(UserError, match=why.replace("[", r"\[")):
        merge(CONFIG, [override])


def test_words_in_the_recorded_config_stay_as_they_are() -> None:
    recorded = {"words": WORDS, **{str(index): word for index, word in enumerate(WORDS)}}
    assert merge(recorded, []) == recorded


@pytest.mark.parametrize("word", WORDS)
def test_a_python_value_is_passed_unchanged(word: str) -> None:
    assert merge(CONFIG, to_dotlist([], {"run_dir": word}))["run_dir"] == word


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text(st.characters(exclude_categories=["Cs"])))
    )
)
def test_every_python_text_is_passed_unchanged(value: Any) -> None:
    assert merge(CONFIG, to_dotlist([], {"run_dir": value}))["run_dir"] == value


def test_a_typed_interpolation_is_text() -> None:
    assert merge(CONFIG, ["run_dir=${oc.env:HOME}"])["run_dir"] == "${oc.env:HOME}"


def test_typed_keys_name_what_an_override_sets() -> None:
    assert typed_keys(["a.b=1", "c={d: 1, e: {f: 2}}", "g[0].h=1", "i={_target_: x}"]) == {
        "a.b",
        "c.d",
        "c.e.f",
        "g[0].h",
        "i",
    }

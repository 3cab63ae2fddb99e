"""Config nodes become objects; values in them are passed unchanged."""

from functools import partial

import pytest
import torch

from suite.errors import UserError
from suite.training.instantiate import instantiate

WORDS = ["???", "${oc.env:HOME}", "{{", "%s", "a\0b", "x" * 5000]


class Holder:
    def __init__(self, value: object = None, facts: object = None) -> None:
        self.value, self.facts = value, facts


NODE = {"_target_": f"{__name__}.Holder"}


def test_words_are_passed_unchanged() -> None:
    made = instantiate({**NODE, "value": {"words": WORDS, "???": {"deep": WORDS}}}, "x", facts=WORDS)
    assert made.value == {"words": WORDS, "???": {"deep": WORDS}}
    assert made.facts is WORDS


def test_nodes_inside_are_built_and_lists_are_copies() -> None:
    inner = [{**NODE, "value": 1}]
    made = instantiate({**NODE, "value": inner}, "x")
    assert made.value[0].value == 1
    assert made.value is not inner


def test_partial_and_positional_arguments() -> None:
    make = instantiate({**NODE, "_partial_": True, "_args_": [1]}, "x")
    assert isinstance(make, partial)
    assert make(facts=2).value == 1


def test_a_target_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"optim\._target_=torch\.optim\.Adaam cannot be found"):
        instantiate({"_target_": "torch.optim.Adaam"}, "optim")
    with pytest.raises(UserError, match=r"model has no _target_"):
        instantiate({"lr": 1}, "model")
    with pytest.raises(UserError, match="is not a class"):
        instantiate({"_target_": "torch.version.git_version"}, "model")


def test_a_wrong_argument_is_reported_with_its_place() -> None:
    with pytest.raises(UserError, match=r"model\.part: .*unexpected keyword argument 'colour'"):
        instantiate({**NODE, "value": 1, "part": {"_target_": "torch.nn.ReLU", "colour": 3}}, "model")


def test_a_module_of_torch_is_built() -> None:
    assert isinstance(
        instantiate({"_target_": "torch.nn.Linear", "in_features": 2}, "m", out_features=3), torch.nn.Linear
    )

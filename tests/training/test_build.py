"""Config becomes objects in one place, and only trusted ones."""

import pytest

from suite.errors import UserError
from suite.training.build import instantiate

REFUSED = [
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "torch.load",
    "numpy.load",
    "pathlib.Path.unlink",
    "shutil.rmtree",
    "pickle.loads",
    "importlib.import_module",
    "suite.training.run.directory.os.system",
    "suite.training.run.directory.subprocess.run",
    "suite.training.run.directory.Path.touch",
    "tasks.graph.model.F.torch.load",
    "lightning.pytorch.trainer.trainer.os.remove",
]


@pytest.mark.parametrize("target", REFUSED)
def test_a_target_outside_the_suite_is_refused_by_name(target: str) -> None:
    with pytest.raises(UserError, match=r"model\.part\._target_=.* is refused"):
        instantiate({"_target_": "torch.nn.Sequential", "part": {"_target_": target}}, "model")


def test_a_trusted_target_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"optim\._target_=torch\.optim\.Adaam cannot be found"):
        instantiate({"_target_": "torch.optim.Adaam"}, "optim")


def test_a_wrong_argument_is_told_with_its_place() -> None:
    with pytest.raises(UserError, match="model: .*unexpected keyword argument 'colour'"):
        instantiate({"_target_": "torch.nn.ReLU", "colour": 3}, "model")


def test_a_list_of_nodes_is_checked_too() -> None:
    with pytest.raises(UserError, match=r"callbacks\.many\[1\]\._target_=os\.system is refused"):
        instantiate(
            {"_target_": "torch.nn.Sequential", "many": [{"_target_": "torch.nn.ReLU"}, {"_target_": "os.system"}]},
            "callbacks",
        )

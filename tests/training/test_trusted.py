"""A config from a file describes a model and its data; every other thing that it names is an error."""

import copy
from typing import Any

import pytest

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.trusted import trusted_config

SOURCE = "runs/x/best.ckpt"


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    return compose(["task=documents", "data=documents/uci_sentences"])


def changed(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(config)
    node, (*path, last) = config, key.split(".")
    for name in path:
        node = node[name]
    node[last] = value
    return config


SCHEDULE = {"_target_": "suite.training.LinearSchedule", "warmup": 0.1}
HARMLESS = [
    ("schedule", SCHEDULE),
    ("optim", {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1, "momentum": 0.9}),
    ("module.vectors", "/home/me/${oc.env:HOME}/???.txt"),
    ("trainer.max_epochs", 3),
    ("data.source.url", None),
    ("callbacks", {"rate": {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor"}}),
]
FUNCTIONS = [
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "torch.load",
    "torch.hub.load",
    "numpy.load",
    "pathlib.Path.unlink",
    "pickle.loads",
    "importlib.import_module",
    "functools.partial",
    "hydra.utils.instantiate",
    "suite.training.run.directory.os.system",
    "suite.training.run.directory.write_json",
    "suite.training.run.launch.launch",
    "suite.train",
    "suite.api.run.train",
    "suite.data.download.from_url",
    "suite.attention.compiled.library._build",
    "suite.attention.compiled.library.ctypes.CDLL",
    "suite.training.state.checkpoint_file.save",
    "suite.training.BaseTaskModule.load_from_checkpoint",
    "suite.cli.main.main",
    "tasks.graph.model.torch.load",
    "tasks.speech.espeak.speak",
    "lightning.pytorch.cli.instantiate_class",
    "lightning.pytorch.LightningModule.load_from_checkpoint",
    "lightning.pytorch.core.saving.save_hparams_to_yaml",
    "lightning.pytorch.callbacks.ModelCheckpoint",
    "lightning.pytorch.callbacks.LambdaCallback",
    "lightning.pytorch.profilers.PyTorchProfiler",
    "lightning.pytorch.trainer.trainer.os.remove",
    "torch.nn.modules.module.torch.load",
    "torch.nn.Module.load_state_dict",
    "torch.nn.utils.parametrize.torch.load",
    "torch.optim.lr_scheduler.LambdaLR",
    "torch.utils.data.DataLoader",
    "torch.utils.cpp_extension.load",
    "suite.training.ProgressBar.__init__.__globals__",
    "",
]


@pytest.mark.parametrize(("key", "value"), HARMLESS, ids=lambda value: str(value)[:40])
def test_a_config_that_describes_a_model_is_returned_unchanged(good: dict[str, Any], key: str, value: Any) -> None:
    config = changed(good, key, value)
    assert trusted_config(config, SOURCE) == config


@pytest.mark.parametrize("target", FUNCTIONS)
@pytest.mark.parametrize("key", ["schedule", "model.pooling", "callbacks.bar", "data.source"])
def test_a_name_that_is_no_declared_class_is_an_error_with_file_and_key(
    good: dict[str, Any], key: str, target: str
) -> None:
    if key == "model.pooling":
        key = "model." + next(name for name, value in good["model"].items() if isinstance(value, dict))
    config = changed(good, key, {"_target_": target})
    if key == "callbacks.bar":
        config = changed(good, "callbacks", {"bar": {"_target_": target}})
    with pytest.raises(UserError, match=rf"^{SOURCE}: {key}\._target_="):
        trusted_config(config, SOURCE)


@pytest.mark.parametrize("target", FUNCTIONS[:4])
def test_partial_and_lists_are_no_way_around(good: dict[str, Any], target: str) -> None:
    for value in ({"_target_": target, "_partial_": True}, {"inside": [[{"_target_": target}]]}):
        with pytest.raises(UserError, match="is not a class that a config from a file may name"):
            trusted_config(changed(good, "cluster", value), SOURCE)


@pytest.mark.parametrize(
    ("section", "target", "base"),
    [
        ("schedule", "torch.nn.Identity", "Schedule"),
        ("data", "tasks.documents.HierarchicalAttentionNet", "TaskData"),
        ("model", "suite.training.Selection", "Module"),
        ("optim", "torch.nn.Linear", "Optimizer"),
        ("trainer", "suite.training.ProgressBar", "Trainer"),
    ],
)
def test_a_section_holds_its_kind_of_object(good: dict[str, Any], section: str, target: str, base: str) -> None:
    with pytest.raises(UserError, match=rf"{section}\._target_={target} is not a {base}"):
        trusted_config(changed(good, section, {"_target_": target}), SOURCE)


@pytest.mark.parametrize("mark", ["_args_", "_recursive_", "_convert_", "_mode_"])
def test_marks_of_hydra_are_errors(good: dict[str, Any], mark: str) -> None:
    with pytest.raises(UserError, match=rf"schedule\.{mark} is not possible"):
        trusted_config(changed(good, "schedule", {**SCHEDULE, mark: []}), SOURCE)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("schedule.wramup", 0.1, "Did you mean 'warmup'"),
        ("schedule.warmup", "soon", "does not fit LinearSchedule"),
        ("schedule.warmup", True, "does not fit LinearSchedule"),
        ("trainer.max_epochs", [1], "does not fit Trainer"),
        ("trainer.max_epochs", 10**400, "more than 64 bits"),
        ("module.vectors", b"bytes", "is of type bytes"),
        ("module.vectors", "x" * (2 << 20), "is a text of 2097152 characters"),
        ("module.vectors", list(range(100_000)), "is too large"),
    ],
)
def test_values_are_plain_and_fit_the_constructor(good: dict[str, Any], key: str, value: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        trusted_config(changed(changed(good, "schedule", SCHEDULE), key, value), SOURCE)


def test_a_small_file_that_describes_millions_of_values_is_an_error(good: dict[str, Any]) -> None:
    value: Any = "lol"
    for _ in range(20):
        value = [value] * 10
    with pytest.raises(UserError, match="too large or too deep"):
        trusted_config(changed(good, "module.extra", value), SOURCE)
    for _ in range(5000):
        value = [value]
    with pytest.raises(UserError, match="too large or too deep"):
        trusted_config(changed(good, "module.extra", value), SOURCE)


@pytest.mark.parametrize("content", [None, [], "text", {}, {"task_name": "documents"}])
def test_a_file_without_a_config_is_an_error(content: Any) -> None:
    with pytest.raises(UserError, match=f"^{SOURCE}: "):
        trusted_config(content, SOURCE)


def test_the_address_of_a_download_is_that_of_a_preset(good: dict[str, Any]) -> None:
    for key, value in (
        ("data.source.url", "https://example.org/{file}"),
        ("data.source.files", {"a.txt": "0" * 64}),
        ("data.source.folder", "../../elsewhere"),
        ("data.source.name", "cora"),
    ):
        with pytest.raises(UserError, match=r"data\.source states an address or a package that no preset states"):
            trusted_config(changed(good, key, value), SOURCE)
    evil = changed(good, "data.source.url", "https://example.org/{file}")
    assert trusted_config(evil, SOURCE, ["data.source.url=null"])["data"]["source"]["url"] is None


def test_what_a_user_types_is_not_restricted(good: dict[str, Any]) -> None:
    config = trusted_config(good, SOURCE, ["model._target_=mylab.Net", "+schedule=null"][:1])
    assert config["model"]["_target_"] == "mylab.Net"
    evil = changed(good, "schedule", {"_target_": "os.system", "command": "true"})
    with pytest.raises(UserError, match="os.system"):
        trusted_config(evil, SOURCE, ["model._target_=mylab.Net"])
    assert trusted_config(evil, SOURCE, ["schedule=null"])["schedule"] is None

"""Every shipped yaml composes and builds; every experiment trains a moment. Globbed: there is no list to edit."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from suite.api.tasks import tasks
from suite.config.compose import compose
from suite.config.packages import options
from suite.training.build import build_data, build_module, build_trainer
from suite.training.instantiate import instantiate, locate
from suite.training.run.launch import launch
from suite.training.trusted import trusted_config

CONF = Path(__file__).parents[2] / "conf"
TASKS = [task.name for task in tasks()]
# Presets of a user's own files have values only the user can give.
OWN = {
    "graph/npz": ["data.path=FILE"],
    "graph/csv": ["data.nodes=FILE", "data.edges=FILE"],
    "graph/planetoid": ["data.name=NAME"],
    "documents/csv": ["data.path=FILE.csv"],
    "documents/jsonl": ["data.path=FILE.jsonl"],
    "documents/parquet": ["data.path=FILE.parquet"],
    "recommender/own": ["data.path=FILE"],
    "oct/folder": ["data.path=DIR"],
    "oct/csv": ["data.path=FILE.csv"],
    "speech/folder": ["data.path=FOLDER"],
    "speech/manifest": ["data.path=FILE.jsonl"],
}


def of_task(group: str) -> list[tuple[str, str]]:
    return [(option.split("/", 1)[0], option) for option in options(group)]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_composes_and_names_itself(task: str) -> None:
    config = compose([f"task={task}", f"data={task}/synthetic"])
    assert config["task_name"] == task
    assert (CONF / "data" / task / "synthetic.yaml").is_file()
    assert (CONF / "task" / f"{task}.yaml").read_text().splitlines()[0] == "# @package _global_"


@pytest.mark.parametrize("task", TASKS)
def test_training_of_every_task_ends(task: str) -> None:
    own = yaml.safe_load((CONF / "task" / f"{task}.yaml").read_text()).get("trainer", {})
    config = compose([f"task={task}", f"data={task}/synthetic"])
    assert {key: config["trainer"][key] for key in own} == own  # no preset of the trainer wins over them
    bounds = config["trainer"]["max_epochs"], config["trainer"]["max_steps"], config["selection"]["patience"] or -1
    assert max(bounds) > 0


@pytest.mark.parametrize(("task", "data"), of_task("data"))
def test_every_data_preset_builds(task: str, data: str) -> None:
    config = compose([f"task={task}", f"data={data}", *OWN.get(data, [])])
    module = instantiate(config["data"], "data")
    assert hasattr(module, "facts")
    assert hasattr(module, "provenance")


@pytest.mark.parametrize(("task", "model"), of_task("model"))
def test_every_model_builds_and_learns_from_one_batch(task: str, model: str) -> None:
    torch.manual_seed(0)
    config = compose([f"task={task}", f"data={task}/synthetic", f"model={model}", "debug=one_pass"])
    data = build_data(config)
    module = build_module(config, data.facts())
    trainer = build_trainer(config["trainer"], limit_val_batches=0)  # Lightning deletes gradients before validation
    trainer.fit(module, datamodule=data)
    silent = [name for name, parameter in module.named_parameters() if parameter.grad is None]
    assert not silent, f"no gradient reaches {silent}"


OTHERS = ("data", "model", "task", "__pycache__")
GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name not in OTHERS)


@pytest.mark.parametrize("group", GROUPS)
def test_every_other_preset_composes(group: str) -> None:
    assert options(group)
    for option in options(group):
        task = option.split("/")[0] if "/" in option else "graph"
        assert compose([f"task={task}", f"data={task}/synthetic", f"{group}={option}"])["task_name"] == task


def test_a_base_is_not_a_preset() -> None:
    bases = [path.relative_to(CONF) for path in CONF.rglob("_*.yaml")]
    assert bases
    assert not [
        base for base in bases if str(base.relative_to(base.parts[0]).with_suffix("")) in options(base.parts[0])
    ]


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_trains_a_moment_on_synthetic_data(experiment: str, tmp_path: Path) -> None:
    task = experiment.split("/")[0]
    run = launch(
        compose([f"experiment={experiment}", f"data={task}/synthetic", "debug=one_pass", f"run_dir={tmp_path / 'run'}"])
    )
    assert json.loads((run / "result.json").read_text())["epochs"] == 1


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF)))
def test_every_yaml_says_what_it_is_and_names_arguments_that_exist(path: Path) -> None:
    text = path.read_text()
    assert any(line.startswith("#") and "@package" not in line for line in text.splitlines()[:2]), "describe the preset"
    config: Any = yaml.safe_load(text) or {}
    for node in nodes(config):
        target = node["_target_"]
        arguments = {key: None for key in node if not key.startswith("_") and key != "defaults"}
        parameters = inspect.signature(locate(target, path.stem)).parameters
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        unknown = [] if takes_any else [key for key in arguments if key not in parameters]
        assert not unknown, f"{target} has no argument {unknown}"


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings that name a class."""
    if isinstance(value, dict):
        if "_target_" in value:
            yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


@pytest.mark.parametrize(("task", "data"), of_task("data"))
def test_a_checkpoint_may_hold_every_data_preset(task: str, data: str) -> None:
    config = compose([f"task={task}", f"data={data}", *OWN.get(data, [])])
    assert trusted_config(config, "best.ckpt") == config


@pytest.mark.parametrize("group", ["model", "experiment", "trainer", "optim", "schedule", "logger", "callbacks"])
def test_a_checkpoint_may_hold_every_preset(group: str) -> None:
    for option in options(group):
        task = option.split("/")[0] if "/" in option else "graph"
        words = [f"task={task}", f"{group}={option}"] if group != "experiment" else [f"experiment={option}"]
        config = compose(words)
        assert trusted_config(config, "best.ckpt") == config

"""A package with nothing but its own module, yaml and entry point is a task like any other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "mylab"
version = "0.0.1"
[project.entry-points."attention_suite.tasks"]
mylab = "mylab.conf"
[tool.setuptools]
packages = ["mylab", "mylab.conf", "mylab.conf.task", "mylab.conf.data.parity", "mylab.conf.model.parity"]
[tool.setuptools.package-data]
"*" = ["*.yaml"]
"""
TASK = """# @package _global_
# Parity: is the number of ones in a row odd?
defaults:
  - /data: parity/bits
  - /model: parity/mlp
  - /optim: adam

task_name: parity
module: {_target_: mylab.parity.Parity}
selection:
  _target_: suite.training.Selection
  rule: {_target_: suite.training.Best, monitor: val/accuracy, mode: max}
  patience: 3
trainer: {max_epochs: 4}
"""
MODULE = """
import torch
import torch.nn.functional as F
from suite.data import TaskData
from suite.training import BaseTaskModule
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Bits(TaskData):
    def prepare_data(self):
        pass

    def setup(self, stage=None):
        pass

    def __init__(self, width: int = 5) -> None:
        super().__init__(reader=None)
        rows = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * width)
        self.rows = TensorDataset(rows, (rows.sum(1) % 2).long())

    def facts(self):
        return {"width": self.rows.tensors[0].shape[1]}

    def provenance(self):
        return {"kind": "generated"}

    def training_batches(self):
        return DataLoader(self.rows, batch_size=7, generator=torch.Generator())

    def val_dataloader(self):
        return DataLoader(self.rows, batch_size=7, generator=torch.Generator())

    def split_dataloader(self, split):
        return self.val_dataloader()


class Net(nn.Sequential):
    def __init__(self, width: int, hidden: int = 16) -> None:
        super().__init__(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 2))


class Parity(BaseTaskModule):
    def training_step(self, batch, batch_idx):
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def on_validation_epoch_start(self):
        self.hits = []

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch, batch_idx):
        self.hits.append(self.net(batch[0]).argmax(1) == batch[1])

    test_step = validation_step

    def on_validation_epoch_end(self):
        self.report({"val/accuracy": float(torch.cat(self.hits).float().mean())})

    def on_test_epoch_end(self):
        self.log_metrics({"test/accuracy": float(torch.cat(self.hits).float().mean())})
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built and installed into a folder of its own."""
    root = tmp_path_factory.mktemp("outside")
    package = root / "source" / "mylab"
    for folder in ("conf/task", "conf/data/parity", "conf/model/parity"):
        (package / folder).mkdir(parents=True)
    (root / "source/pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").touch()
    (package / "parity.py").write_text(MODULE)
    (package / "conf/__init__.py").touch()
    (package / "conf/task/parity.yaml").write_text(TASK)
    (package / "conf/data/parity/bits.yaml").write_text(
        "# All rows of zeros and ones.\n_target_: mylab.parity.Bits\nwidth: 5\n"
    )
    (package / "conf/model/parity/mlp.yaml").write_text("# One hidden layer.\n_target_: mylab.parity.Net\nhidden: 16\n")
    # A source tree goes stale in build/, so each build starts from the folder made above.
    build = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*build, str(root / "site"), str(root / "source")], check=True, capture_output=True)
    return root / "site"


def attn(site: Path, cwd: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "CI": "true", "COLUMNS": "160", **more}
    command = [sys.executable, "-m", "suite.cli.main", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_it_shows_up_where_tasks_are_named(site: Path, tmp_path: Path) -> None:
    listed = attn(site, tmp_path, "tasks").stdout
    assert "parity" in listed
    assert "Is the number of ones in a row odd?".lower() in listed.lower()
    assert "parity" in attn(site, tmp_path, "train", "--help").stdout
    completed = attn(site, tmp_path, "-sc", "query=bash", COMP_LINE="attn train task=", COMP_POINT="16").stdout
    assert "task=parity" in completed.split()
    assert "parity/bits" in attn(site, tmp_path, "data").stdout


def test_it_trains_and_measures_again(site: Path, tmp_path: Path) -> None:
    done = attn(site, tmp_path, "train", "task=parity", "run_dir=run", "model.hidden=8")
    assert done.returncode == 0, done.stderr
    assert "test/accuracy" in done.stdout
    again = attn(site, tmp_path, "eval", "ckpt=run/checkpoints/best.ckpt")
    assert again.returncode == 0, again.stderr


def test_its_mistakes_are_told_like_our_own(site: Path, tmp_path: Path) -> None:
    done = attn(site, tmp_path, "train", "task=parity", "model.hiden=8")
    assert (done.returncode, "Did you mean 'hidden'?" in done.stderr) == (2, True)
    done = attn(site, tmp_path, "train", "task=parity", "data=graph/cora")
    assert (done.returncode, "belongs to task=graph" in done.stderr) == (2, True)

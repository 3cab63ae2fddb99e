"""A checkpoint that anyone made is measured and applied without running what it names."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

import suite
from suite.cli.main import main
from suite.training.state import checkpoint_file


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("good")
    run = suite.train("task=documents", "data=documents/synthetic", "debug=one_pass", run_dir=folder / "run")
    return checkpoint_file.load(run.best)


HASH = "0" * 64


def payloads(folder: Path, canary: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Changes of the config, by name: one that runs code or has an effect, and one of the same form that does not."""
    (folder / "hub").mkdir()
    touch = f"import os\nos.system('touch {canary}')\n"
    (folder / "hub/hubconf.py").write_text(f"{touch}def model(): return 1\n")
    (folder / "package").mkdir()
    (folder / "package/setup.py").write_text(f"{touch}from setuptools import setup\nsetup(name='package')\n")
    (folder / "cc.sh").write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    (folder / "cc.sh").chmod(0o755)
    hub = f"repo_or_dir:'{folder / 'hub'}',model:model,source:local"
    schedule = {"_target_": "suite.training.LinearSchedule", "warmup": 0.1}
    wheel = {"_target_": "suite.data.Wheel", "sha256": HASH, "folder": "w", "members": {"m/a.txt": HASH}}
    source = {"_target_": "suite.data.Source", "name": "x", "folder": "none", "files": {"a.txt": HASH}}
    uci = {"_target_": "tasks.documents.UciSentencesData", "sites": ["amazon"], "dir": str(folder)}
    cxx = {"_target_": "suite.attention.compiled.library._build", "compiler": str(folder / "cc.sh"), "path": "x.so"}
    return {
        "instantiate_class": (
            {
                "schedule": {
                    "_target_": "lightning.pytorch.cli.instantiate_class",
                    "args": f"touch {canary}",
                    "init": {"class_path": "os.system"},
                }
            },
            {"schedule": schedule},
        ),
        "load_from_checkpoint": (
            {
                "schedule": {
                    "_target_": "lightning.pytorch.LightningModule.load_from_checkpoint",
                    "checkpoint_path": str(folder / "payload.pt"),
                    "weights_only": False,
                }
            },
            {"schedule": {"_target_": "suite.training.CosineSchedule", "warmup": 0.1}},
        ),
        "escaped_resolver": (
            {"schedule": {"_target_": "torch.nn.Identity", "x": f"\\${{oc.create:{{_target_:torch.hub.load,{hub}}}}}"}},
            {"run_dir": f"\\${{oc.create:{{_target_:torch.hub.load,{hub}}}}}"},
        ),
        "source_package": (
            {"data": {**uci, "source": {**source, "wheel": {**wheel, "requirement": str(folder / "package")}}}},
            {"optim": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1}},
        ),
        "compiler": ({"schedule": cxx}, {"schedule": None}),
        "write_yaml": (
            {
                "schedule": {
                    "_target_": "lightning.pytorch.core.saving.save_hparams_to_yaml",
                    "config_yaml": str(canary),
                    "hparams": {"any": "content"},
                }
            },
            {"callbacks": {"rate": {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor"}}},
        ),
    }


NAMES = ["instantiate_class", "load_from_checkpoint", "escaped_resolver", "source_package", "compiler", "write_yaml"]


REASONS = {"source_package": ".source is not a source (requirement="}


class Touches:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("name", NAMES)
def test_a_payload_is_one_sentence_and_its_harmless_twin_is_measured(
    name: str, good: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = tmp_path / "canary"
    torch.save(Touches(canary), tmp_path / "payload.pt")
    for change, code in zip(payloads(tmp_path, canary)[name], (2, 0), strict=True):
        content = copy.deepcopy(good)
        content["config"].update(change)
        path = tmp_path / f"{code}.ckpt"
        checkpoint_file.save(path, content)
        assert main(["eval", f"ckpt={path}"]) == code
        written = capsys.readouterr()
        assert not canary.exists()
        if code:
            assert written.err.startswith(f"attn: {path}: {next(iter(change))}{REASONS.get(name, '._target_=')}")
            assert len(written.err.splitlines()) == 1
        else:
            assert "test/accuracy" in written.out
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "one two. three"}\n')
    assert main(["predict", f"ckpt={tmp_path / '2.ckpt'}", f"input={texts}"]) == 2
    assert main(["predict", f"ckpt={tmp_path / '0.ckpt'}", f"input={texts}"]) == 0
    assert not canary.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"config": []},
        {"config": {}},
        {"facts": []},
        {"facts": {}},
        {"facts": {"words": None, "labels": 7}},
        {"state_dict": []},
        {"state_dict": {"net.x": "text"}},
    ],
)
def test_broken_content_is_one_sentence(
    change: dict[str, Any], good: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.ckpt"
    checkpoint_file.save(path, {**good, **change})
    assert main(["eval", f"ckpt={path}"]) == 2
    assert capsys.readouterr().err.startswith("attn: ")

"""Integration tests of the OCT task."""

import json
from pathlib import Path

import pytest
from PIL import Image

from suite.testing import TaskContract
from tasks.oct import report
from tasks.oct.simulation import CLASSES
from tests.cli.conftest import Attn

SYNTHETIC = ["task=oct", "data=oct/synthetic"]


class TestAttentionCnn(TaskContract):
    overrides = [*SYNTHETIC, "module.mixup=0.3", "module.flips=true"]
    brief = ["trainer.max_steps=8"]


def test_it_learns_and_its_attention_is_on_lesions(run: Path, checkpoint: Path, tmp_path: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert result["test/accuracy"] > 0.6
    assert {"test/auroc", "test/balanced_accuracy", "test/calibration_error", "test/urgent_auroc"} <= result.keys()
    assert {f"test/{kind}/{name}" for kind in ("sensitivity", "specificity") for name in CLASSES} <= result.keys()
    assert report.main([f"output={tmp_path / 'report'}", f"ckpt={checkpoint}"]) == 0
    found = json.loads((tmp_path / "report/report.json").read_text())
    assert found["accuracy"] == pytest.approx(result["test/accuracy"])
    fits = found["fits"]
    assert fits["attention"]["pointing"] > fits["centre prior"]["pointing"] + 0.15
    assert fits["attention"]["energy"] > fits["average lesion prior"]["energy"]
    for name in ("curves.png", "cases.png", "beside.png"):
        with Image.open(tmp_path / "report" / name) as picture:
            assert picture.width > 400


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.view=flatt"], "Did you mean 'flat'"),
        (["data.bags=eye"], "data.bags=eye is not known"),
        (["data.height=2"], "data.height must be at least 8, got 2"),
        (["data.num_scans=3"], "data.num_scans must be at least 16"),
        (["model.encoder.gate=sea"], "gate must be one of"),
        (["data.batch_size=0"], "data.batch_size must be at least 1"),
    ],
)
def test_wrong_values_raise(words: list[str], message: str, attn: Attn) -> None:
    done = attn("train", *SYNTHETIC, *words)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr

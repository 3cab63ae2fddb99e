"""Integration tests of the OCT task."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from suite.config.compose import compose
from suite.errors import UserError
from suite.testing import TaskContract
from suite.training.load import restore
from suite.training.run.launch import launch
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


def test_the_temperature_is_saved_with_the_weights(checkpoint: Path) -> None:
    _, module, _ = restore(checkpoint, [])
    assert float(module.net.temperature) != 1.0


def test_a_report_may_cover_several_checkpoints(checkpoint: Path) -> None:
    one, two = report.look([checkpoint]), report.look([checkpoint, checkpoint])
    assert len(two.labels) == 2 * len(one.labels)
    assert report.figures(one)["accuracy"] == report.figures(two)["accuracy"]
    chosen = report.cases(one)
    assert len(chosen) == len(set(chosen)) == 9


def test_a_report_needs_its_arguments(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert report.main([]) == 2
    assert report.main([f"output={tmp_path}", "ckpt=nowhere.ckpt"]) == 2
    assert "no checkpoint at nowhere.ckpt" in capsys.readouterr().err


def test_bags_of_patients_need_a_network_that_takes_them(tmp_path: Path) -> None:
    bags = [*SYNTHETIC, "data.bags=patient", "data.num_scans=160", "debug=one_pass"]
    launch(compose([*bags, "model=oct/mil", f"run_dir={tmp_path / 'mil'}"]))
    with pytest.raises(UserError, match="set model=oct/mil"):
        launch(compose([*bags, f"run_dir={tmp_path / 'cnn'}"]))


def test_training_starts_from_the_weights_of_another_run(checkpoint: Path, tmp_path: Path) -> None:
    more = ["data.height=32", "data.width=64", "debug=one_pass", "optim.lr=1e-9"]
    run = launch(compose([*SYNTHETIC, *more, f"module.start={checkpoint}", f"run_dir={tmp_path / 'run'}"]))
    before, after = (
        torch.load(path, weights_only=True)["state_dict"]["net.encoder.laterals.0.weight"]
        for path in (checkpoint, run / "checkpoints/last.ckpt")
    )
    torch.testing.assert_close(before, after)
    other = [*SYNTHETIC, "model=oct/vit", "debug=one_pass", f"module.start={checkpoint}", f"run_dir={tmp_path / 'vit'}"]
    with pytest.raises(UserError, match="no weights that fit"):
        launch(compose(other))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.view=flatt"], "Did you mean 'flat'"),
        (["data.bags=eye"], "data.bags=eye is not known"),
        (["data.height=2"], "data.height=2 is too small"),
        (["data.num_scans=3"], "data.num_scans must be at least 16"),
        (["model.encoder.gate=sea"], "gate must be one of"),
        (["data.batch_size=0"], "data.batch_size must be at least 1"),
    ],
)
def test_wrong_values_raise(words: list[str], message: str, attn: Attn) -> None:
    done = attn("train", *SYNTHETIC, *words)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr

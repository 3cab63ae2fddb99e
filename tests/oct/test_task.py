"""The OCT task keeps the contract, learns, looks where lesions are, predicts, reports."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from suite.api.model import load
from suite.config.compose import compose
from suite.errors import UserError
from suite.testing import TaskContract
from suite.training.load import restore
from suite.training.run.launch import launch
from tasks.oct import report
from tasks.oct.batch import Bags
from tasks.oct.synthetic import CLASSES, simulate
from tests.cli.conftest import Attn

SYNTHETIC = ["task=oct", "data=oct/synthetic"]


class TestAttentionCnn(TaskContract):
    overrides = [*SYNTHETIC, "module.mixup=0.3", "module.flips=true"]
    brief = ["trainer.max_steps=8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learnt a little of small phantoms."""
    run = tmp_path_factory.mktemp("oct") / "run"
    more = ["data.num_scans=240", "data.height=32", "data.width=64", "trainer.max_epochs=6", "optim.lr=5e-3"]
    launch(compose([*SYNTHETIC, *more, "module.look=1.0", "module.find=0.3", f"run_dir={run}"]))
    return run


@pytest.fixture(scope="module")
def checkpoint(run: Path) -> Path:
    return run / "checkpoints/best.ckpt"


def test_it_learns_and_looks_where_the_lesions_are(run: Path, checkpoint: Path, tmp_path: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert result["test/accuracy"] > 0.6
    assert {"test/auroc", "test/balanced_accuracy", "test/calibration_error", "test/urgent_auroc"} <= result.keys()
    assert {f"test/{kind}/{name}" for kind in ("sensitivity", "specificity") for name in CLASSES} <= result.keys()
    assert report.main([f"output={tmp_path / 'report'}", f"ckpt={checkpoint}"]) == 0
    told = json.loads((tmp_path / "report/report.json").read_text())
    assert told["accuracy"] == pytest.approx(result["test/accuracy"])
    fits = told["fits"]
    assert fits["attention"]["pointing"] > fits["centre prior"]["pointing"] + 0.15
    assert fits["attention"]["energy"] > fits["average lesion prior"]["energy"]
    for name in ("curves.png", "cases.png", "beside.png"):
        with Image.open(tmp_path / "report" / name) as picture:
            assert picture.width > 400


def test_the_temperature_is_kept_with_the_weights(checkpoint: Path) -> None:
    _, module, _ = restore(checkpoint, [])
    assert float(module.net.temperature) != 1.0


def test_several_checkpoints_are_told_together(checkpoint: Path) -> None:
    one, two = report.look([checkpoint]), report.look([checkpoint, checkpoint])
    assert len(two.labels) == 2 * len(one.labels)
    assert report.figures(one)["accuracy"] == report.figures(two)["accuracy"]
    chosen = report.cases(one)
    assert len(chosen) == len(set(chosen)) == 9


def test_a_report_needs_its_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert report.main([]) == 2
    assert report.main([f"output={tmp_path}", "ckpt=nowhere.ckpt"]) == 2
    assert "no checkpoint at nowhere.ckpt" in capsys.readouterr().err


def test_bags_of_patients_are_trained_and_other_networks_refuse_them(tmp_path: Path) -> None:
    bags = [*SYNTHETIC, "data.bags=patient", "data.num_scans=160", "debug=one_pass"]
    launch(compose([*bags, "model=oct/mil", f"run_dir={tmp_path / 'mil'}"]))
    with pytest.raises(UserError, match="set model=oct/mil"):
        launch(compose([*bags, f"run_dir={tmp_path / 'cnn'}"]))


def test_bags_hold_all_scans_of_a_patient_and_class() -> None:
    patients, labels = np.array(["b", "a", "b", "c", "b", "a"]), np.array([0, 1, 0, 1, 1, 1])
    bags = Bags.of_patients(np.array([0, 1, 2, 4, 5]), patients, labels)
    members, lengths = bags.gather(np.arange(len(bags)))
    assert members.tolist() == [1, 5, 0, 2, 4]
    assert lengths.tolist() == [2, 2, 1]
    assert [part.tolist() for part in bags.gather(np.array([2, 0]))] == [[4, 1, 5], [1, 2]]


def test_training_begins_with_the_weights_of_another_run(checkpoint: Path, tmp_path: Path) -> None:
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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Phantoms as files of one folder and a folder in it, with notes beside them."""
    pixels, _ = simulate(np.arange(10) % 4, 40, 90, np.random.RandomState(5))
    (tmp_path / "pictures/more").mkdir(parents=True)
    for number, picture in enumerate(pixels):
        folder = tmp_path / "pictures" / ("more" if number > 6 else "")
        Image.fromarray(picture).save(folder / f"scan-{number}.png")
    (tmp_path / "pictures/notes.txt").write_text("hm")
    return tmp_path / "pictures"


def test_folders_are_predicted_with_overlays(
    attn: Attn, checkpoint: Path, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overlays = tmp_path / "overlays"
    done = attn("predict", f"ckpt={checkpoint}", f"input={pictures}", f"predict.overlays={overlays}")
    assert done.returncode == 0, done.stderr
    assert "1 files of" in caplog.text
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(row["image"]).name for row in told] == [f"scan-{number}.png" for number in range(10)]
    for row in told:
        assert sum(row["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
        assert row["probability"] == max(row["probabilities"].values())
        assert row["urgent"] == (row["label"] in ("CNV", "DME"))
        assert row["for_a_person"] == (row["probability"] < 0.7)
        with Image.open(row["overlay"]) as picture:
            assert picture.size == (90, 40)


def test_tables_hold_one_line_a_file_and_batches_do_not_matter(
    attn: Attn, checkpoint: Path, pictures: Path, tmp_path: Path
) -> None:
    rows = []
    for size in (3, 32):
        output = tmp_path / f"{size}.csv"
        words = [f"input={pictures}", f"output={output}", f"predict.batch_size={size}", "predict.flips=true"]
        assert attn("predict", f"ckpt={checkpoint}", *words).returncode == 0
        with output.open() as stream:
            rows.append([float(row["probability"]) for row in csv.DictReader(stream)])
    assert rows[0] == pytest.approx(rows[1], abs=1e-5)
    assert len(rows[0]) == 10


def test_files_are_read_a_batch_at_a_time(checkpoint: Path, pictures: Path) -> None:
    predictor = load(checkpoint, "predict.batch_size=2").predictor
    taken = 0

    def counted():  # type: ignore[no-untyped-def]
        nonlocal taken
        for path in predictor.read(str(pictures)):
            taken += 1
            yield path

    predictions = predictor.predict(counted())
    next(predictions)
    assert taken == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.png", b"", "empty.png cannot be read as an image: the file is empty"),
        ("broken.jpeg", b"\xff\xd8\xff\xe0broken", "broken.jpeg cannot be read as an image"),
    ],
)
def test_a_file_that_is_no_image_is_named(
    name: str, content: bytes, message: str, attn: Attn, checkpoint: Path, pictures: Path, tmp_path: Path
) -> None:
    (pictures / name).write_bytes(content)
    output = tmp_path / "out.jsonl"
    done = attn("predict", f"ckpt={checkpoint}", f"input={pictures}", f"output={output}")
    assert (done.returncode, message in done.stderr, output.exists()) == (2, True, False)


def test_input_without_images_is_refused(attn: Attn, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none/notes.txt").write_text("hm")
    for given, message in (
        ("none", "has no image files"),
        ("none/notes.txt", "is no image file"),
        ("-", "not possible"),
    ):
        path = given if given == "-" else tmp_path / given
        done = attn("predict", f"ckpt={checkpoint}", f"input={path}")
        assert (done.returncode, message in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.view=flatt"], "Did you mean 'flat'"),
        (["data.bags=eye"], "data.bags=eye is not known"),
        (["data.height=2"], "data.height=2 is too small"),
        (["data.num_scans=3"], "data.num_scans=3 is too few"),
        (["model.encoder.gate=sea"], "gate is one of"),
        (["data.batch_size=0"], "data.batch_size must be at least 1"),
    ],
)
def test_wrong_values_are_told(words: list[str], message: str, attn: Attn) -> None:
    done = attn("train", *SYNTHETIC, *words)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr

"""Predictions for images, by the command and in Python."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import suite
from suite.api.model import load
from suite.config.compose import compose
from suite.training.run.launch import launch
from tasks.oct.simulation import simulate
from tests.cli.conftest import Attn
from tests.oct.conftest import SYNTHETIC


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


def test_folders_are_predicted_with_pictures(
    attn: Attn, checkpoint: Path, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    done = attn("predict", f"ckpt={checkpoint}", f"input={pictures}", f"draw={folder}")
    assert done.returncode == 0, done.stderr
    assert "1 files of" in caplog.text
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(row["image"]).name for row in answers] == [f"scan-{number}.png" for number in range(10)]
    for row in answers:
        assert sum(row["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
        assert row["probability"] == max(row["probabilities"].values())
        assert row["urgent"] == (row["label"] in ("CNV", "DME"))
        assert row["unsure"] == (row["probability"] < 0.7)
        with Image.open(row["picture"]) as picture:
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
def test_a_file_that_is_not_an_image_is_named(
    name: str, content: bytes, message: str, attn: Attn, checkpoint: Path, pictures: Path, tmp_path: Path
) -> None:
    (pictures / name).write_bytes(content)
    output = tmp_path / "out.jsonl"
    done = attn("predict", f"ckpt={checkpoint}", f"input={pictures}", f"output={output}")
    assert (done.returncode, message in done.stderr, output.exists()) == (2, True, False)


def test_input_without_images_raises(attn: Attn, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none/notes.txt").write_text("hm")
    for given, message in (
        ("none", "has no image files"),
        ("none/notes.txt", "is not an image file"),
        ("-", "not possible"),
    ):
        path = given if given == "-" else tmp_path / given
        done = attn("predict", f"ckpt={checkpoint}", f"input={path}")
        assert (done.returncode, message in done.stderr) == (2, True)


def test_a_model_in_python_answers_as_the_command_does(checkpoint: Path, pictures: Path, attn: Attn) -> None:
    model = suite.load(checkpoint)
    done = attn("predict", f"ckpt={checkpoint}", f"input={pictures}")
    expected = [json.loads(line) for line in done.stdout.splitlines()]
    paths = [Path(answer["image"]) for answer in expected]
    assert model.predict(pictures) == model.predict(paths) == expected
    images = [Image.open(path) for path in paths]
    for given in ([np.asarray(image) for image in images], images, [image.convert("RGB") for image in images]):
        assert [answer["probabilities"] for answer in model.predict(given)] == [
            answer["probabilities"] for answer in expected
        ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (3, "must be a path, an array or a PIL image, got int"),
        (np.zeros((2, 9, 9, 3)), "array of shape"),
        (np.full((9, 9), np.nan), "row 0, column 0 is NaN or infinite"),
        (np.zeros((3, 9)), "3 x 9 pixels; at least 8 each"),
    ],
)
def test_a_record_of_another_type_raises(record: object, message: str, checkpoint: Path) -> None:
    with pytest.raises(suite.UserError, match=message):
        suite.load(checkpoint).predict([record])


def test_attention_is_over_the_patches_of_the_view(checkpoint: Path, pictures: Path) -> None:
    model = suite.load(checkpoint)
    found = model.attention(pictures)
    assert [set(one) for one in found] == [{"pooling"}] * 10
    assert [axis.kind for axis in found[0]["pooling"].axes] == ["heads", "patches"]
    assert found[0]["pooling"].axes[1].grid == (8, 16)
    np.testing.assert_allclose(found[0]["pooling"].weights.sum(-1), 1.0, rtol=1e-5)
    names = [picture.name for picture in model.draw(pictures)]
    assert names[0] == "pictures-scan-0.png"
    assert names[-1] == "more-scan-9.png"


def test_a_vision_transformer_has_the_attention_of_its_blocks_too(tmp_path: Path) -> None:
    small = ["model=oct/vit", "model.depth=2", "model.num_global=2", "debug=one_pass"]
    pattern = "model.patterns=[{name: global_local, num_global: 2, width: 3}]"
    run = launch(compose([*SYNTHETIC, *small, pattern, f"run_dir={tmp_path / 'run'}"]))
    (found,) = suite.load(run).attention([np.zeros((24, 40), np.uint8)])
    blocks = [name for name in found if name.startswith("blocks")]
    assert len(blocks) == 2
    assert found["pooling"].axes[1].grid == (6, 10)
    assert found[blocks[0]].weights.shape == (4, 62, 62)
    assert found[blocks[0]].axes[2].labels[:3] == ("global 0", "global 1", "0, 0")


def test_labelled_folders_and_tables_are_evaluated(checkpoint: Path, pictures: Path, tmp_path: Path) -> None:
    model = suite.load(checkpoint)
    answers = model.predict(pictures)
    rows = "".join(f"{answer['image']},{answer['label']}\n" for answer in answers)
    (tmp_path / "own.csv").write_text("image,label\n" + rows)
    temperature = float(model.net.temperature)
    assert model.evaluate(tmp_path / "own.csv")["accuracy"] == 1.0
    for answer in answers:
        target = tmp_path / "classes" / answer["label"] / Path(answer["image"]).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(answer["image"]).read_bytes())
    assert model.evaluate(tmp_path / "classes")["accuracy"] == 1.0
    assert float(model.net.temperature) == temperature  # evaluation does not calibrate
    (tmp_path / "own.csv").write_text("image,label\nx.png,EYE\n")
    with pytest.raises(suite.UserError, match="line 2: the label 'EYE' is not a class of the model: CNV, DME"):
        model.evaluate(tmp_path / "own.csv")


def test_a_wrong_threshold_raises(checkpoint: Path) -> None:
    with pytest.raises(suite.UserError, match="predict.unsure must be from 0 to 1, got 2"):
        suite.load(checkpoint, "predict.unsure=2.0").predict([])

"""The recommender fulfils the contract of tasks with each model, and learns."""

from pathlib import Path

import pytest

from suite.api.evaluate import evaluate
from suite.config.compose import compose
from suite.errors import UserError
from suite.testing import TaskContract
from suite.training.run.launch import launch

SYNTHETIC = ["task=recommender", "data=recommender/synthetic"]


class TestSASRec(TaskContract):
    overrides = SYNTHETIC


class TestBERT4Rec(TaskContract):
    overrides = [*SYNTHETIC, "model=recommender/bert4rec"]


class TestDIN(TaskContract):
    overrides = [*SYNTHETIC, "model=recommender/din", "data.split=global_time"]


def test_it_learns_and_each_protocol_has_its_suffix(tmp_path: Path) -> None:
    launch(compose([*SYNTHETIC, f"run_dir={tmp_path / 'run'}", "trainer.max_epochs=12"]))
    ckpt = tmp_path / "run/checkpoints/best.ckpt"
    full = evaluate(ckpt, "test")
    assert full["test/hr@10"] > 0.6  # 10 of 37 items by chance are 0.27
    sampled = evaluate(ckpt, "test", "module.protocol=sampled100")
    assert sampled["test/hr@10_sampled100"] == pytest.approx(full["test/hr@10"])  # fewer than 100 are left to draw
    assert sampled["test/hr@10"] == full["test/hr@10"]  # the full ranking is always computed
    assert "test/ndcg@10_unfiltered" in evaluate(ckpt, "test", "module.protocol=full_unfiltered")
    ordered = evaluate(ckpt, "train")
    assert ordered["train/hr@10"] > 0.5


@pytest.mark.parametrize("objective", ["bce", "gbce", "sampled_softmax", "softmax"])
def test_each_loss_trains(objective: str, tmp_path: Path) -> None:
    overrides = [*SYNTHETIC, f"objective=recommender/{objective}", "debug=one_pass", f"run_dir={tmp_path / 'run'}"]
    assert launch(compose(overrides)).is_dir()


@pytest.mark.parametrize("attention", ["additive", "sparsemax", "window", "cosine", "local_monotonic"])
@pytest.mark.parametrize("model", ["sasrec", "bert4rec", "din"])
def test_any_attention_trains(model: str, attention: str, tmp_path: Path) -> None:
    overrides = [*SYNTHETIC, f"model=recommender/{model}", f"attention={attention}", "debug=one_pass"]
    assert launch(compose([*overrides, f"run_dir={tmp_path / 'run'}"])).is_dir()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("protocol=sampled99", "protocol=sampled99 is not known. Did you mean 'sampled100'"),
        ("data.split=random", "data.split=random is not known"),
        ("data.max_length=0", "data.max_length must be at least 1, got 0"),
        ("model.dropout=1.5", "dropout must be a probability"),
        ("model.num_heads=5", "embed_dim must be a multiple of num_heads"),
    ],
)
def test_wrong_values_raise_an_error(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        launch(compose([*SYNTHETIC, f"run_dir={tmp_path / 'run'}", override]))
    assert not (tmp_path / "run").exists()

"""Module and data of a config in a Trainer of the user."""

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

import suite
from suite.api.build import build_predictor

SMALL = ("task=documents", "data=documents/synthetic")


def test_module_and_data_train_in_a_plain_trainer(tmp_path):
    module, data = suite.build(*SMALL)
    before = [weight.clone() for weight in module.net.parameters()]
    trainer = pl.Trainer(
        max_steps=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, datamodule=data)
    assert any(not torch.equal(old, new) for old, new in zip(before, module.net.parameters(), strict=True))


TINY = {
    "graph": ["task=graph", "data=graph/synthetic", "module.passes=3"],
    "documents": [*SMALL],
    "recommender": ["task=recommender", "data=recommender/synthetic"],
    "speech": ["task=speech", "data=speech/synthetic", "module.search.beam=1", "data.num_utterances=20"],
    "oct": ["task=oct", "data=oct/synthetic", "data.num_scans=40"],
}


@pytest.mark.parametrize("task", TINY)
def test_a_plain_trainer_fits_validates_tests_and_predicts(task, tmp_path):
    """With Lightning's own validation loop, callbacks and checkpoints, which the suite can load."""
    module, data = suite.build(*TINY[task])
    checkpoints = ModelCheckpoint(tmp_path / "best", monitor="val/loss" if task != "recommender" else "val/ndcg@10")
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=CSVLogger(tmp_path / "logs"),
        callbacks=[checkpoints],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, datamodule=data)
    (validation,) = trainer.validate(module, datamodule=data, verbose=False)
    (test,) = trainer.test(module, datamodule=data, verbose=False)
    assert validation.keys() <= {name.replace("test/", "val/") for name in test}
    assert validation["val/loss" if task != "recommender" else "val/ndcg@10"] >= 0
    outputs = trainer.predict(module, datamodule=data)
    assert len(outputs) == len(list(data.predict_dataloader()))
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    assert suite.load(tmp_path / "end.ckpt").evaluate("test") == pytest.approx(dict(test))
    assert suite.load(checkpoints.best_model_path).config["task_name"] == task


def test_the_seed_decides_the_weights():
    first, second, other = (suite.build(*SMALL, seed=seed)[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_wrong_input_raises_user_errors():
    with pytest.raises(suite.UserError, match="Did you mean 'documents'"):
        suite.compose("task=document")
    with pytest.raises(suite.UserError, match="has no predictor"):
        build_predictor({"task_name": "graph"}, None, {})

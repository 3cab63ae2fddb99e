"""Module and data of a config in a Trainer of the user."""

import lightning.pytorch as pl
import pytest
import torch

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


def test_the_seed_decides_the_weights():
    first, second, other = (suite.build(*SMALL, seed=seed)[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_wrong_input_raises_user_errors():
    with pytest.raises(suite.UserError, match="Did you mean 'documents'"):
        suite.compose("task=document")
    with pytest.raises(suite.UserError, match="has no predictor"):
        build_predictor({"task_name": "graph"}, None, {})

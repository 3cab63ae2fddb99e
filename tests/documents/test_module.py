"""Word vectors in training."""

from pathlib import Path

import pytest
import torch

from suite.config.compose import compose
from suite.errors import UserError
from suite.training.build import build_data, build_module, build_trainer


def test_training_starts_from_word_vectors(tmp_path: Path) -> None:
    """With a learning rate of 0 the embedding has the vectors of the file, and is unchanged elsewhere."""
    (tmp_path / "v.txt").write_text("superb " + " ".join(["0.25"] * 7) + "\n")
    synthetic = ["task=documents", "data=documents/synthetic", "model.embed_dim=7", "optim.lr=0", "debug=one_pass"]
    config = compose([*synthetic, f"module.vectors={tmp_path / 'v.txt'}", "trainer=cpu"])
    data = build_data(config)
    module = build_module(config, data.facts())
    before = module.net.embedding.weight.detach().clone()
    build_trainer(config["trainer"]).fit(module, datamodule=data)
    after = module.net.embedding.weight.detach()
    row = data.facts()["vocabulary"].index("superb") + 1
    assert torch.equal(after[row], torch.full((7,), 0.25))
    before[row] = 0.25
    assert torch.equal(after, before)


def test_a_model_without_a_word_embedding_raises(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("superb 1 2\n")
    config = compose(["task=documents", "data=documents/synthetic", "model=documents/evidence"])
    data = build_data(config)
    module = build_module(config, data.facts())
    with pytest.raises(UserError, match="needs a model with one word embedding"):
        module.load_vectors(tmp_path / "v.txt", data.facts()["vocabulary"])

"""``attn sweep``: its arguments; ``tests/sweep`` tests the sweep itself."""

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Attn

SMALL = ("task=graph", "data=graph/synthetic")


def test_a_sweep_file_of_wandb_is_written(attn: Attn, tmp_path: Path) -> None:
    done = attn("sweep", *SMALL, "model.num_heads=choice(2,4)", "sweep.wandb=sweep.yaml")
    assert done.returncode == 0, done.stderr
    assert "wandb sweep sweep.yaml" in done.stdout
    assert yaml.safe_load((tmp_path / "sweep.yaml").read_text())["parameters"]["model.num_heads"]


def test_a_sweep_resumes_only_with_its_own_arguments(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/sweep.json").write_text('{"words": ["task=graph"]}')
    done = attn("sweep", "resume=sweep", "seed=2")
    assert done.returncode == 2
    assert "seed cannot change when a sweep resumes; only sweep.trials" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resume=gone",), "resume=gone is not the directory of a sweep"),
        (("--resume", "gone"), "resume a sweep with: attn sweep resume=DIR"),
        ((*SMALL, "model.num_head=choice(2,4)"), "Did you mean 'num_heads'?"),
        ((*SMALL, "model.num_heads=choice(2,4)", "sweep.dir=sweep"), "sweep.dir=sweep already holds a sweep"),
    ],
)
def test_wrong_arguments_name_the_fix(words: tuple[str, ...], message: str, attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/sweep.json").write_text('{"words": []}')
    done = attn("sweep", *words)
    assert done.returncode == 2
    assert message in done.stderr

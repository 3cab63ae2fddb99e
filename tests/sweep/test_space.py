"""The arguments of a sweep, and its metric."""

from pathlib import Path

import pytest
import yaml

from suite.cli.main import main
from suite.errors import UserError
from suite.sweep.space import parse

BASE = ["sweep", "task=graph", "data=graph/synthetic"]


def test_wandbs_own_sweep_starts_our_launcher() -> None:
    words = ["optim.lr=tag(log,interval(1e-4,1e-1))", "model.num_heads=choice(4,8)", "seed=range(1,9)"]
    assert main([*BASE, *words, "trainer=ddp_cpu", "sweep.wandb=sweep.yaml"]) == 0
    made = yaml.safe_load(Path("sweep.yaml").read_text())
    assert made["metric"] == {"name": "val/accuracy", "goal": "maximize"}
    assert made["parameters"]["optim.lr"] == {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1}
    assert made["parameters"]["model.num_heads"] == {"values": [4, 8]}
    assert made["parameters"]["seed"] == {"distribution": "int_uniform", "min": 1, "max": 8}
    assert made["command"] == ["attn", "train", *BASE[1:], "trainer=ddp_cpu", "logger=wandb", "${args_no_hyphens}"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optim.lr=0.1"], "nothing varies"),
        (["optim.lr=choice(1,2)", "sweep.trails=3"], "Did you mean 'trials'"),
        (["optim.lr=choice(1,2)", "sweep.trials=0"], "sweep.trials must be at least 1, got 0"),
        (["optim.rl=choice(1.0,2.0)"], "Did you mean 'lr'"),
        (["optim.lr=choice(1.0,2.0)", "sweep.monitor=test/accuracy"], "would choose by the test split"),
        (["optim.lr=choice(1.0,2.0)", "sweep.monitor=val/f1"], "needs sweep.mode"),
        (["optim.lr=choice(1.0,2.0)", "sweep.mode=best"], "must be max or min"),
        (["resume=gone"], "resume=gone is not the directory of a sweep"),
        (["--resume", "gone"], "resume a sweep with: attn sweep resume=DIR"),
    ],
)
def test_what_cannot_be_swept_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*BASE, *words] if "resume" not in words[0] else ["sweep", *words]) == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_range_ends_before_its_stop_as_hydras_does() -> None:
    (item,) = parse(["model.head_dim=range(4,17,4)"]).space
    assert (item.low, item.high, item.step) == (4, 16, 4)
    with pytest.raises(UserError, match="the step of a range must be a whole number"):
        parse(["model.dropout=range(0,1,0.1)"])

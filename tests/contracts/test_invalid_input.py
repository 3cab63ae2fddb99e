"""Invalid input gets one message that names the thing and the fix, exit code 2, and writes no files."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.cli.conftest import Attn

SYNTHETIC = ("task=graph", "data=graph/synthetic")
WRONG = {
    "no command": (("trian",), "'trian' is not a command of attn. Did you mean 'train'?"),
    "no task": (("train",), "You must specify 'task'"),
    "unknown task": (("train", "task=grph"), "task=grph is not known. Did you mean 'graph'?"),
    "unknown data": (
        ("train", "task=graph", "data=graph/cor"),
        "data=graph/cor is not known. Did you mean 'graph/cora'?",
    ),
    "unknown model": (
        ("train", "task=graph", "model=graph/gat3"),
        "model=graph/gat3 is not known. Did you mean 'graph/gat'?",
    ),
    "unknown logger": (("train", "task=graph", "logger=wandbb"), "Did you mean 'wandb'?"),
    "unknown experiment": (("train", "experiment=graph/gat_core"), "Did you mean 'graph/gat_cora'?"),
    "unknown key": (
        ("train", *SYNTHETIC, "model.droput=0.5"),
        "model.droput is not a key of the config below model. Did you mean 'dropout'?",
    ),
    "unknown top key": (("train", *SYNTHETIC, "sead=3"), "Did you mean 'seed'?"),
    "not a pair": (("train", *SYNTHETIC, "seed"), "'seed' cannot be read as KEY=VALUE"),
    "text for int": (("train", *SYNTHETIC, "seed=abc"), "seed=abc is not a whole number; the preset has seed=1"),
    "float for int": (("train", *SYNTHETIC, "model.num_heads=1.5"), "model.num_heads=1.5 is not a whole number"),
    "null for float": (("train", *SYNTHETIC, "optim.lr=null"), "optim.lr=null is not a number"),
    "text for bool": (("train", *SYNTHETIC, "model.shared=maybe"), "model.shared=maybe is not true or false"),
    "number for text": (("train", *SYNTHETIC, "trainer.accelerator=3"), "trainer.accelerator=3 is not text"),
    "negative rate": (("train", *SYNTHETIC, "optim.lr=-1"), "optim: Invalid learning rate: -1"),
    "value for group": (("train", *SYNTHETIC, "optim=3"), "optim=3 is not known"),
    "rate over one": (
        ("train", *SYNTHETIC, "model.dropout=1.5"),
        "model: dropout must be a probability in [0, 1), got 1.5",
    ),
    "no heads": (("train", *SYNTHETIC, "model.num_heads=0"), "num_heads must be at least 1, got 0"),
    "foreign argument": (("train", *SYNTHETIC, "+model.colour=red"), "unexpected keyword argument 'colour'"),
    "missing value": (
        ("train", "task=graph", "data=graph/npz"),
        "data.path has no value; give it one with data.path=VALUE",
    ),
    "missing npz": (("train", "task=graph", "data=graph/npz", "data.path=gone.npz"), "gone.npz"),
    "no devices": (
        ("train", *SYNTHETIC, "trainer.devices=0"),
        "trainer.devices must be a positive number, a list of devices or auto, got 0",
    ),
    "nowhere to meet": (("train", *SYNTHETIC, "trainer.num_nodes=2"), "needs cluster.endpoint=HOST:PORT"),
    "another node": (("train", *SYNTHETIC, "cluster.node=1"), "cluster.node must be from 0 to 0"),
    "no slurm": (("train", *SYNTHETIC, "trainer=slurm"), "trainer=slurm needs a SLURM job"),
    "resume nothing": (("train", *SYNTHETIC, "resume=auto"), "resume=auto finds no unfinished run with a checkpoint"),
    "resume unknown": (("train", *SYNTHETIC, "resume=gone"), "resume=gone is not a run directory"),
    "resume missing": (("train", "resume=gone/last.ckpt"), "no checkpoint at gone/last.ckpt"),
    "saved never": (("train", *SYNTHETIC, "checkpoints.every_steps=-1"), "checkpoints.every_steps must be at least 0"),
    "bad watch": (("train", *SYNTHETIC, "selection.rule.maximize=val/f1"), "selection monitors 'val/f1'"),
    "eval nothing": (("eval", "split=test"), "attn eval needs ckpt=PATH"),
    "eval missing": (("eval", "ckpt=gone.ckpt"), "no checkpoint at gone.ckpt"),
    "eval no pair": (("eval", "gone.ckpt"), "'gone.ckpt' is not KEY=VALUE"),
    "eval split": (("eval", "ckpt=a", "split=tset"), "split=tset is not known. Did you mean 'test'?"),
    "data command": (("data", "fetch", "cora"), "attn data fetch cora is not a command"),
    "data name": (("data", "verify", "coar"), "Did you mean"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_invalid_input_is_one_message_without_a_traceback(
    attn: Attn, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = attn(*arguments)
    assert done.returncode == 2, done
    assert message in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("runs/*/*/checkpoints"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.gradient_clip_val=1.0", "Automatic gradient clipping is not supported for manual optimization"),
        pytest.param(
            "trainer=gpu",
            "No supported gpu backend found",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_an_error_of_lightning_is_one_message(attn: Attn, override: str, message: str) -> None:
    done = attn("train", *SYNTHETIC, override)
    assert done.returncode == 2
    assert f"attn: trainer: {message}" in done.stderr
    assert "Traceback" not in done.stderr


def test_presets_of_another_task_are_an_error(attn: Attn, tmp_path: Path) -> None:
    other = tmp_path / "extra" / "data" / "poems"
    other.mkdir(parents=True)
    (other / "haiku.yaml").write_text("_target_: tasks.poems.Data\n")
    done = attn("train", "--config-dir", str(tmp_path / "extra"), "task=graph", "data=poems/haiku")
    assert done.returncode == 2
    assert "task=graph cannot use data=poems/haiku, which belongs to task=poems" in done.stderr


def test_a_directory_with_a_run_is_not_overwritten(attn: Attn, tmp_path: Path) -> None:
    assert attn("train", *SYNTHETIC, "debug=one_pass", "run_dir=run").returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    done = attn("train", *SYNTHETIC, "debug=one_pass", "run_dir=run")
    assert done.returncode == 2
    assert "run_dir=run already holds a run" in done.stderr
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}


def test_a_file_that_is_not_a_checkpoint_is_an_error(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "notes.ckpt").write_text("not a checkpoint")
    done = attn("eval", "ckpt=notes.ckpt")
    assert (done.returncode, "notes.ckpt is not a checkpoint" in done.stderr) == (2, True)


def test_a_damaged_data_file_is_named_with_both_hashes(attn: Attn, tmp_path: Path, data_dir: Path) -> None:
    raw = tmp_path / "data/planetoid/Cora/raw"
    raw.mkdir(parents=True)
    for file in (data_dir / "planetoid/Cora/raw").iterdir():
        shutil.copyfile(file, raw / file.name)
    (raw / "ind.cora.allx").write_bytes((raw / "ind.cora.allx").read_bytes()[:-9])
    done = attn("train", "task=graph", "debug=one_pass")
    printed = " ".join(done.stderr.split())
    assert done.returncode == 2
    assert "ind.cora.allx" in printed
    assert "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543" in printed
    assert attn("data", "verify", "cora").returncode == 2


def test_no_network_and_no_index_is_one_message(attn: Attn) -> None:
    nowhere = {
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_FIND_LINKS": "",
    }
    done = attn("train", "task=graph", **nowhere)
    assert done.returncode == 2
    assert done.stderr.count("attn:") == 1
    assert "SUITE_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr

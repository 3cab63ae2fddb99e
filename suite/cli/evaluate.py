"""``attn eval``: a checkpoint is enough to measure again."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from suite.config.checks import explain
from suite.errors import UserError, did_you_mean

SPLITS = ("train", "val", "test")
USAGE = """usage: attn eval ckpt=PATH [split=test|val|train] [KEY=VALUE ...]

Rebuilds the task from the checkpoint and measures it on one split. Overrides change the recorded config, for example
data.dir=DIR or trainer.accelerator=cpu."""


def main(argv: list[str]) -> int:
    """Print the metrics as a table, and return 0."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    options = dict(_pair(word) for word in argv)
    ckpt, split = options.pop("ckpt", None), options.pop("split", "test")
    if ckpt is None:
        raise UserError("attn eval needs ckpt=PATH, for example ckpt=RUN_DIR/checkpoints/best.ckpt")
    if split not in SPLITS:
        raise UserError(f"split={split} is not known.{did_you_mean(split, SPLITS)}")
    metrics = evaluate_checkpoint(Path(ckpt), split, [f"{key}={value}" for key, value in options.items()])
    from rich.console import Console
    from rich.table import Table

    table = Table(title=ckpt, title_justify="left", show_header=False)
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    Console(soft_wrap=True).print(table)
    return 0


def evaluate_checkpoint(path: Path, split: str, overrides: list[str]) -> dict[str, float]:
    """Metrics of a checkpoint on one split: the same numbers that its run recorded."""
    from suite.training import checkpoint
    from suite.training.build import build_data, build_module, build_trainer
    from suite.training.module import evaluate

    content = checkpoint.load(path)
    config: dict[str, Any] = _merge(content["config"], overrides)
    data = build_data(config)
    module = build_module(config, content["facts"])
    changed = {
        name: (fact, data.facts().get(name))
        for name, fact in content["facts"].items()
        if data.facts().get(name) != fact
    }
    if changed:
        told = ", ".join(f"{name} {was} there, {now} here" for name, (was, now) in changed.items())
        raise UserError(
            f"{path} was trained on other data: {told}. Name the data it belongs to, for example data.dir=DIR"
        )
    module.load_state_dict(content["state_dict"])
    return evaluate(build_trainer(config), module, data, split)


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UserError(f"'{word}' is not KEY=VALUE; see attn eval --help")
    return key, value


def _merge(recorded: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    config = OmegaConf.create(recorded)
    OmegaConf.set_struct(config, True)
    try:
        for override in overrides:
            config.merge_with_dotlist([override])
    except OmegaConfBaseException as error:
        wrapped = Exception(str(error))
        wrapped.__cause__ = error
        raise UserError(explain(wrapped)) from error
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return plain  # type: ignore[return-value]

"""``attn eval``: a checkpoint is enough to measure again."""

from pathlib import Path

from suite.cli.options import parse
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
    options = parse(argv, "eval")
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
    from suite.training.base_task_module import evaluate
    from suite.training.build import build_data, build_trainer
    from suite.training.load import restore

    config, module, facts = restore(path, overrides)
    data = build_data(config)
    here = data.facts()
    changed = [
        f"{name} {_short(fact)} there, {_short(here.get(name))} here"
        for name, fact in facts.items()
        if here.get(name) != fact
    ]
    if changed:
        raise UserError(
            f"{path} was trained on other data: {', '.join(changed)}. "
            "Name the data it belongs to, for example data.dir=DIR"
        )
    return evaluate(build_trainer(config), module, data, split)


def _short(fact: object) -> str:
    """A fact in a message; a vocabulary would fill the screen."""
    text = str(fact)
    return text if len(text) <= 40 else f"{text[:36]} ..."

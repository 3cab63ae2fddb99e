"""``attn eval``: metrics of a checkpoint on one split."""

from suite.cli.options import flag, parse
from suite.errors import UserError

__all__ = ["main"]

USAGE = """usage: attn eval ckpt=PATH [split=test|val|train] [fetch=true] [KEY=VALUE ...]

Evaluates a checkpoint on one split of the data that it was trained on. PATH is a checkpoint file or the directory of a
run. KEY=VALUE changes the recorded config, for example data.dir=DIR or trainer.accelerator=cpu. fetch=true downloads or
generates the data if they are missing; otherwise evaluation reads files and writes none."""


def main(argv: list[str]) -> int:
    """Print the metrics as a table; return 0."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    options = parse(argv, "eval")
    ckpt, split = options.pop("ckpt", None), options.pop("split", "test")
    if ckpt is None:
        raise UserError("attn eval needs ckpt=PATH, for example ckpt=RUN_DIR/checkpoints/best.ckpt")
    from suite.api.evaluate import evaluate

    fetch = flag(options, "fetch")
    metrics = evaluate(ckpt, split, *(f"{key}={value}" for key, value in options.items()), fetch=fetch)
    from rich.console import Console
    from rich.table import Table

    table = Table(title=ckpt, title_justify="left", show_header=False)
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    Console(soft_wrap=True).print(table)
    return 0

"""``attn eval``: metrics of a checkpoint on one split, or on a user's own labelled data."""

from pathlib import Path

from suite.api.evaluate import check_split
from suite.cli.options import flag, parse
from suite.errors import UserError

__all__ = ["main"]

USAGE = """usage: attn eval ckpt=PATH [split=test|val|train] [fetch=true] [KEY=VALUE ...]
       attn eval ckpt=PATH data=PATH [KEY=VALUE ...]

Evaluates a checkpoint on one split of the data that it was trained on, or with data=PATH on your own labelled file or
folder. ckpt is a checkpoint file or the directory of a run. KEY=VALUE changes the recorded config, for example
data.dir=DIR or trainer.accelerator=cpu. fetch=true downloads or generates the data if they are missing; otherwise
evaluation reads files and writes none.

If the data of the run have changed since training, that is an error. With allow_changes=true, samples keep the split
that they had, new samples are in no split, and the table says what changed."""


def main(argv: list[str]) -> int:
    """Print the metrics as a table; return 0."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    options = parse(argv, "eval")
    ckpt, split, path = (options.pop(name, None) for name in ("ckpt", "split", "data"))
    if ckpt is None:
        raise UserError("attn eval needs ckpt=PATH, for example ckpt=RUN_DIR/checkpoints/best.ckpt")
    if path is not None and split is not None:
        raise UserError("split= is a split of the data that the model was trained on; leave it out with data=PATH")
    if path is not None and not Path(path).exists():
        raise UserError(
            f"data={path} does not exist. data=PATH is your own labelled file or folder; keys of the recorded data are "
            "changed by data.KEY=VALUE"
        )
    if split is not None:
        check_split(split)
    from suite.api.model import load

    fetch = flag(options, "fetch")
    model = load(ckpt, *(f"{key}={value}" for key, value in options.items()), fetch=fetch)
    metrics = model.evaluate(Path(path) if path else split or "test")
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    changes = model.changes if path is None else None
    caption = f"data changed since training: {changes}" if changes else None
    table = Table(title=escape(ckpt), caption=caption, title_justify="left", caption_justify="left", show_header=False)
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    Console(soft_wrap=True).print(table)
    return 0

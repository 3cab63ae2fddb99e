"""``attn find``: a learning rate or a batch size to start with, from a few training steps."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from suite.cli.options import split
from suite.errors import UserError, did_you_mean

USAGE = """usage: attn find lr task=TASK [KEY=VALUE ...] [lr_min=1e-6] [lr_max=1] [steps=100] [output=FILE.csv]
       attn find batch task=TASK [KEY=VALUE ...] [key=data.batch_size] [steps=5] [memory=GIB] [output=FILE.csv]

lr      increases the learning rate after each step and records the loss (Smith 2017); prints the rate at which the loss
        decreases fastest.
batch   doubles the value of key and measures samples per second; prints the smallest batch size within 5 % of the
        fastest. It stops when memory is exhausted (the GPU's; on the CPU, memory=GIB more than is in use, by default
        half of what is free), or when two doublings in a row gain less than 5 %.

Both train a new model on batches of the data, on one device, and write no file but output. The last line that they
print is the override for attn train."""
__all__ = ["main"]

T = TypeVar("T")


def main(argv: list[str]) -> int:
    """Find what the first argument names; return 0, or the exit code of the signal that ended it."""
    if not argv or {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0 if argv else 2
    finders = {"lr": _rate, "batch": _size}
    if argv[0] not in finders:
        raise UserError(f"attn find {argv[0]} is not known.{did_you_mean(argv[0], finders)}")
    own = {"lr": ("lr_min", "lr_max", "steps", "output"), "batch": ("key", "steps", "memory", "output")}[argv[0]]
    options, words = split(argv[1:], own)
    output = options.pop("output", None)
    if output is not None and not output.endswith(".csv"):
        raise UserError(f"output={output} must end in .csv")
    from suite.config.compose import compose
    from suite.training.callbacks.signals import Interrupted

    config = compose(words)
    try:
        rows, found = finders[argv[0]](config, options)
    except Interrupted as stopped:
        return stopped.code
    if output is not None:
        _write(Path(output), rows)
    print(found)
    return 0


def _rate(config: dict[str, Any], options: dict[str, str]) -> tuple[list[Any], str]:
    from suite.find.rate import curve, suggest

    low, high = _number(options, "lr_min", float, 1e-6), _number(options, "lr_max", float, 1.0)
    points = curve(config, low, high, _number(options, "steps", int, 100))
    rate = suggest(points)
    print(f"{'rate':>10}  {'loss':>10}  smoothed")
    every = max(1, len(points) // 10)
    for point in points[every - 1 :: every]:
        print(f"{point.rate:>10.2e}  {point.loss:>10.4g}  {point.smoothed:.4g}")
    return points, f"optim.lr={rate:.2e}"


def _size(config: dict[str, Any], options: dict[str, str]) -> tuple[list[Any], str]:
    from suite.find.size import Size, recommended, search

    print(f"{'size':>8}  {'samples':>8}  {'samples/s':>10}  {'GiB':>6}")

    def show(size: Size) -> None:
        print(f"{size.value:>8}  {size.samples:>8.1f}  {size.speed:>10.1f}  {size.gib:>6.2f}", flush=True)

    key, bound = options.get("key"), _number(options, "memory", float, None)
    found = search(config, key, _number(options, "steps", int, 5), bound, show)
    print(f"stopped: {found.reason}")
    return found.sizes, f"data.{found.name}={recommended(found.sizes)}"


def _number(options: dict[str, str], name: str, kind: Callable[[str], Any], default: T) -> Any | T:
    try:
        return kind(options[name]) if name in options else default
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise UserError(f"{name} must be {expected}, got '{options[name]}'") from None


def _write(path: Path, rows: list[Any]) -> None:
    try:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(rows[0]._fields)
            writer.writerows(rows)
    except OSError as error:
        raise UserError(f"output={path} cannot be written: {error.strerror}") from error

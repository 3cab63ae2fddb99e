"""``attn predict``: predictions for your own files, one record a line."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from suite.cli.options import flag, parse
from suite.errors import UserError

if TYPE_CHECKING:
    from suite.predictor import Predictor

__all__ = ["main"]

USAGE = """usage: attn predict ckpt=PATH input=PATH|- [output=FILE.jsonl|FILE.csv] [draw=DIR] [fetch=true]
                    [KEY=VALUE ...]

Applies a trained model to your own files; the README of the task describes their format. PATH of ckpt is a checkpoint
file or the directory of a run; input=- reads standard input.

output=FILE   one record a line; without it, JSON Lines on standard output
draw=DIR      also one picture for each record: the prediction and where the attention is
fetch=true    downloads or generates the training data if a prediction needs them and they are missing
KEY=VALUE     changes the recorded config, for example predict.batch_size=8"""
FORMATS = (".jsonl", ".csv")


def main(argv: list[str]) -> int:
    """Write the predictions; return 0."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    options = parse(argv, "predict")
    ckpt, source, output, folder = (options.pop(name, None) for name in ("ckpt", "input", "output", "draw"))
    if ckpt is None or source is None:
        raise UserError(
            "attn predict needs ckpt=PATH and input=PATH, for example ckpt=RUN/checkpoints/best.ckpt input=-"
        )
    if output is not None and Path(output).suffix not in FORMATS:
        raise UserError(f"output={output} must end in {' or '.join(FORMATS)}; pictures are written with draw=DIR")
    if source != "-" and not Path(source).exists():
        raise UserError(f"input={source} does not exist; give the path of a file or folder, or - for standard input")
    from suite.api.model import load

    fetch = flag(options, "fetch")
    model = load(ckpt, *(f"{key}={value}" for key, value in options.items()), fetch=fetch)
    with model.guarded():
        _write(model.predictor, source, output, folder)
    return 0


def _write(predictor: "Predictor[Any, Any]", source: str, output: str | None, folder: str | None) -> None:
    predictions = _predictions(predictor, source, folder)
    if output is None:
        _write_lines(predictions, sys.stdout)
        return
    with _replacing(Path(output)) as stream:
        (_write_table if output.endswith(".csv") else _write_lines)(predictions, stream)


def _predictions(predictor: "Predictor[Any, Any]", source: str, folder: str | None) -> Iterator[dict[str, Any]]:
    """The predictions of a file; with ``folder`` also their pictures, from the same forward pass."""
    if folder is None:
        yield from predictor.predict(predictor.read(source))
        return
    from suite.draw.picture import PictureFolder

    pictures = PictureFolder(folder)
    if not hasattr(predictor, "results"):  # not derived from Predictor: pictures need a second forward pass
        if not hasattr(predictor, "draw"):
            raise UserError(f"draw={folder}: the predictor of this task draws no pictures; leave draw out")
        records = list(predictor.read(source))
        for answer, picture in zip(predictor.predict(records), predictor.draw(records), strict=True):
            yield {**answer, "picture": str(pictures.save(picture))}
        return
    for result in predictor.results(predictor.read(source), attention=True):
        yield {**predictor.answer(result), "picture": str(pictures.save(predictor.picture(result)))}


def _write_lines(predictions: Iterable[dict[str, Any]], stream: TextIO) -> None:
    for prediction in predictions:
        stream.write(json.dumps(prediction, ensure_ascii=False) + "\n")


def _write_table(predictions: Iterable[dict[str, Any]], stream: TextIO) -> None:
    """A CSV table; lists and dicts are JSON in their cell."""
    writer = None
    for prediction in predictions:
        cells = {
            name: json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
            for name, value in prediction.items()
        }
        if writer is None:
            writer = csv.DictWriter(stream, list(cells), lineterminator="\n")
            writer.writeheader()
        writer.writerow(cells)


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file that is written completely or not at all: after an error in record 900 there is no partial file."""
    from suite.data.files import replacing

    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise UserError(f"output={path} cannot be written: {error.strerror}; choose another file") from error

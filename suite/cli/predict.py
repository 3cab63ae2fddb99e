"""``attn predict``: a checkpoint and files of the task's natural kind in, one record a line out."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from suite.cli.options import parse
from suite.errors import UserError

USAGE = """usage: attn predict ckpt=PATH input=PATH|- [output=FILE.jsonl|FILE.csv|FILE.html] [KEY=VALUE ...]

Applies a trained model to files of your own; what they hold is said in the task's README. One record a line goes to
output, or as JSON Lines to standard output; input=- reads standard input. An .html is a page for people, with what the
attention saw. Overrides change the recorded config, for example predict.top_words=5."""
FORMS = (".jsonl", ".csv", ".html")


class Predictor(Protocol):
    """What the key ``predict`` of a task names; built with ``net`` and the checkpoint's ``facts``."""

    def read(self, path: str) -> Iterator[Any]:
        """The records of a file, of ``-`` for standard input; raises UserError naming file and row."""
        ...

    def predict(self, records: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """One plain dict for every record, in order."""
        ...

    def draw(self, records: Iterable[Any]) -> Iterator[str]:
        """A piece of HTML for every record, in order: the answer, and what the attention saw."""
        ...


def main(argv: list[str]) -> int:
    """Write the predictions, and return 0."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    options = parse(argv, "predict")
    ckpt, source, output = (options.pop(name, None) for name in ("ckpt", "input", "output"))
    if ckpt is None or source is None:
        raise UserError(
            "attn predict needs ckpt=PATH and input=PATH, for example ckpt=RUN/checkpoints/best.ckpt input=-"
        )
    if output is not None and Path(output).suffix not in FORMS:
        raise UserError(f"output={output} should end in {', '.join(FORMS)}, which says what is written")
    if source != "-" and not Path(source).exists():
        raise UserError(f"input={source} does not exist; give a path from here, or - for standard input")
    predictor = build_predictor(Path(ckpt), [f"{key}={value}" for key, value in options.items()])
    records = predictor.read(source)
    if output is None:
        _write_lines(predictor.predict(records), sys.stdout)
        return 0
    with _replacing(Path(output)) as stream:
        if output.endswith(".html"):
            if not hasattr(predictor, "draw"):
                raise UserError(f"output={output}: this task draws no page; write a .jsonl or .csv")
            _write_page(predictor.draw(records), stream)
        else:
            (_write_table if output.endswith(".csv") else _write_lines)(predictor.predict(records), stream)
    return 0


def build_predictor(path: Path, overrides: list[str]) -> Predictor:
    """The predictor of a checkpoint's task, around its trained network; raises UserError where a task has none."""
    from suite.training.build import instantiate
    from suite.training.load import restore

    config, module, facts = restore(path, overrides)
    if not config.get("predict"):
        raise UserError(f"task={config['task_name']} has no predict; its yaml names none")
    predictor: Predictor = instantiate(config["predict"], "predict", net=module.net, facts=facts)
    return predictor


def _write_lines(predictions: Iterable[dict[str, Any]], stream: TextIO) -> None:
    for prediction in predictions:
        stream.write(json.dumps(prediction, ensure_ascii=False) + "\n")


def _write_table(predictions: Iterable[dict[str, Any]], stream: TextIO) -> None:
    """A CSV table; what is no plain value becomes JSON in its cell."""
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


def _write_page(pieces: Iterable[str], stream: TextIO) -> None:
    """One HTML file that needs nothing beside it."""
    stream.write(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Predictions</title></head>\n<body>\n'
    )
    for piece in pieces:
        stream.write(piece + "\n<hr>\n")
    stream.write("</body></html>\n")


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file that appears whole or not at all: an error in row 900 leaves nothing that looks finished."""
    from suite.data.files import replacing

    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise UserError(f"output={path} cannot be written: {error.strerror}; name another file") from error

"""A report on runs of this task: metrics, how attention agrees with outlined lesions, curves, and cases.

    python -m tasks.oct.report output=DIR ckpt=RUN/checkpoints/best.ckpt [ckpt=...] [KEY=VALUE ...]

Several checkpoints, such as the folds of a cross-validation, are each evaluated on their test split and pooled.
"""

# N samples of all test splits, H, W size of the view, C classes

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from suite.draw.curves import draw_reliability, draw_roc
from suite.draw.image import overlay
from suite.errors import UserError
from tasks.oct import metrics
from tasks.oct.explain import AveragePrior, Fit, fit, mappers
from tasks.oct.simulation import CLASSES, simulate


@dataclass
class Report:
    """Test samples of one or more runs: calibrated probabilities (N, C), labels (N,), pixels, attention, lesions."""

    class_names: list[str]
    probabilities: Tensor
    labels: Tensor
    pixels: Tensor
    attention: Tensor
    lesions: Tensor
    fits: dict[str, Fit]


def look(paths: Sequence[Path], overrides: Sequence[str] = ()) -> Report:
    """Evaluate each checkpoint on its test split. Raises UserError if their classes differ."""
    from suite.training.build import build_data
    from suite.training.load import restore

    reports = []
    for path in paths:
        config, module, *_ = restore(path, list(overrides))
        if config["task_name"] != "oct":
            raise UserError(f"{path} is of task={config['task_name']}, and this report is of task=oct")
        reports.append(_look_at(module, build_data(config)))
    first = reports[0]
    if any(one.class_names != first.class_names for one in reports):
        raise UserError("the checkpoints have different classes; report on each separately")
    joined = {
        name: torch.cat([getattr(one, name) for one in reports])
        for name in ("probabilities", "labels", "pixels", "attention", "lesions")
    }
    fits = {
        way: Fit(*(torch.cat(rows) for rows in zip(*(one.fits[way] for one in reports), strict=True)))
        for way in first.fits
    }
    return Report(first.class_names, fits=fits, **joined)


def _look_at(module: Any, data: Any) -> Report:
    net = module.net.eval()
    ways = mappers(net, AveragePrior(data.split_dataloader("train")))
    rows: dict[str, list[Tensor]] = {name: [] for name in ("probabilities", "labels", "pixels", "attention", "lesions")}
    fits: dict[str, list[Fit]] = {way: [] for way in ways}
    for batch in data.split_dataloader("test"):
        with torch.no_grad():
            rows["probabilities"].append(net.calibrated(module.scores(batch)).exp())
        mask = batch.lesions > 0
        for way, mapper in ways.items():
            maps = mapper(batch.pixels)
            fits[way].append(fit(maps, mask))
            if way == "attention":
                rows["attention"].append(maps)
        for name, values in (("labels", batch.labels), ("pixels", batch.pixels[:, 0]), ("lesions", mask)):
            rows[name].append(values)
    whole = {way: Fit(*(torch.cat(column) for column in zip(*found, strict=True))) for way, found in fits.items()}
    return Report(net.class_names, fits=whole, **{name: torch.cat(found) for name, found in rows.items()})


def figures(report: Report) -> dict[str, Any]:
    """Return plain values: metrics, and for each map its agreement with the lesions."""
    predicted, classes = report.probabilities.argmax(1), len(report.class_names)
    counts = metrics.confusion(predicted, report.labels, classes)
    values = {
        "samples": len(report.labels),
        "accuracy": float((predicted == report.labels).float().mean()),
        "balanced_accuracy": float(metrics.balanced_accuracy(counts)),
        "auroc": metrics.macro_auroc(report.probabilities, report.labels),
        "calibration_error": metrics.calibration_error(report.probabilities, report.labels),
        "confusion": counts.tolist(),
        **metrics.bootstrap(predicted, report.labels, classes),
    }
    fits = {
        way: {name: float(rows.mean()) for name, rows in found._asdict().items()} for way, found in report.fits.items()
    }
    outlined = len(next(iter(report.fits.values())).pointing)
    return {**values, "outlined": outlined, "fits": fits if outlined else {}}


def cases(report: Report, number: int = 9) -> list[int]:
    """Choose samples: up to half of them wrong, alternating classes, scans with lesions first."""
    predicted = report.probabilities.argmax(1)
    order = sorted(range(len(predicted)), key=lambda place: (not bool(report.lesions[place].any()), place))
    chosen: list[int] = []
    for right, wanted in ((False, number // 2), (True, number)):
        by_class = [
            [i for i in order if bool(predicted[i] == c) and bool(report.labels[i] == c) == right]
            for c in range(len(report.class_names))
        ]
        turns = [found[turn] for turn in range(len(order)) for found in by_class if turn < len(found)]
        chosen += turns[: wanted - (len(chosen) if right else 0)]
    return chosen


def draw_cases(report: Report, chosen: Sequence[int], columns: int = 3) -> Any:
    """Draw attention and outlines of the chosen samples, with class and prediction."""
    from matplotlib.figure import Figure

    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.1 * rows), layout="constrained")
    for axes, place in zip(np.ravel(figure.subplots(rows, columns, squeeze=False)), chosen, strict=False):
        shares = report.probabilities[place]
        grey = (report.pixels[place].numpy() * 255).astype(np.uint8)
        axes.imshow(overlay(grey, report.attention[place].numpy(), report.lesions[place].numpy()))
        taken, own = report.class_names[int(shares.argmax())], report.class_names[int(report.labels[place])]
        axes.set_title(
            f"{own}: {'correct' if taken == own else f'predicted {taken}'}, {float(shares.max()):.2f}", fontsize=8
        )
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


def draw_curves(report: Report) -> Any:
    """Draw the ROC curve of each class, and the reliability diagram."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_roc(left, report.probabilities, report.labels, report.class_names)
    draw_reliability(right, metrics.calibration_bins(report.probabilities, report.labels))
    return figure


def draw_beside(report: Report, columns: int = 3) -> Any:
    """Draw scans of the test split above phantoms of the same classes."""
    from matplotlib.figure import Figure

    names = [name for name in report.class_names if name in CLASSES][:columns]
    height, width = report.pixels.shape[1:]
    labels = np.array([CLASSES.index(name) for name in names])
    phantoms, _ = simulate(labels, height, width, np.random.RandomState(0))
    figure = Figure(figsize=(4.2 * max(len(names), 1), 3.4), layout="constrained")
    for column, name in enumerate(names):
        place = int((report.labels == report.class_names.index(name)).nonzero()[0])
        for row, picture in enumerate((report.pixels[place].numpy(), phantoms[column])):
            axes = figure.add_subplot(2, len(names), row * len(names) + column + 1)
            axes.imshow(picture, cmap="gray")
            axes.set_title(f"{name}, {('scan', 'phantom')[row]}", fontsize=8)
            axes.set_axis_off()
    return figure


def main(argv: Sequence[str]) -> int:
    """Write report.json, curves.png, cases.png and beside.png, and print the metrics."""
    words = [word.partition("=")[::2] for word in argv]
    paths = [Path(value) for key, value in words if key == "ckpt"]
    folders = [Path(value) for key, value in words if key == "output"]
    if not paths or len(folders) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        report = look(paths, [f"{key}={value}" for key, value in words if key not in ("ckpt", "output")])
    except UserError as error:
        print(f"oct report: {error}", file=sys.stderr)
        return 2
    folder = folders[0]
    folder.mkdir(parents=True, exist_ok=True)
    values = figures(report)
    (folder / "report.json").write_text(json.dumps(values, indent=2) + "\n")
    for name, figure in (
        ("curves", draw_curves(report)),
        ("cases", draw_cases(report, cases(report))),
        ("beside", draw_beside(report)),
    ):
        figure.savefig(folder / f"{name}.png", dpi=110)
    print(json.dumps(values, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The results of a sweep: a table in the terminal, the same as CSV, and a plot."""

import csv
from pathlib import Path
from typing import Any


def rows(study: Any, folder: Path) -> list[dict[str, Any]]:
    """Return one row for each trial, the best first and failed ones last, with their error."""
    sign = -1.0 if study.direction.name == "MAXIMIZE" else 1.0
    trials = study.get_trials(deepcopy=False)
    trials.sort(key=lambda trial: (trial.state.name != "COMPLETE", sign * (trial.value or 0.0), trial.number))
    return [
        {
            "trial": trial.number,
            "state": {"FAIL": "failed"}.get(trial.state.name, trial.state.name.lower()),
            "value": trial.value if trial.state.name == "COMPLETE" else None,
            **trial.params,
            "seconds": trial.user_attrs.get("seconds"),
            "failure": trial.user_attrs.get("failure"),
            "run": str(folder / "trials" / f"{trial.number:04d}"),
        }
        for trial in trials
    ]


def write_table(found: list[dict[str, Any]], path: Path) -> None:
    """Write the rows as CSV."""
    names = list(dict.fromkeys(name for row in found for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def show(found: list[dict[str, Any]], monitor: str) -> None:
    """Print the rows as a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    names = [name for name in found[0] if name not in ("run", "failure")]
    for name in names:
        table.add_column(monitor if name == "value" else name)
    for row in found:
        table.add_row(*(_cell(row.get(name)) for name in names))
    Console(soft_wrap=True).print(table)


def plot(found: list[dict[str, Any]], space: list[str], monitor: str, path: Path) -> bool:
    """Plot the metric over trials and over each parameter. Return False if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    done = [row for row in found if row["value"] is not None]
    figure = Figure(figsize=(3.2 * (len(space) + 1), 3), layout="constrained")
    for place, name in enumerate(["trial", *space]):
        axes = figure.add_subplot(1, len(space) + 1, place + 1)
        values = [row.get(name) for row in done]
        if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            numbers: list[Any] = values
            if numbers and min(numbers) > 0 and max(numbers) / min(numbers) > 50:
                axes.set_xscale("log")
        else:
            numbers = [str(value) for value in values]
        axes.scatter(numbers, [row["value"] for row in done], s=14)
        axes.set_xlabel(name)
        axes.set_ylabel(monitor if place == 0 else "")
    figure.savefig(path, dpi=120)
    return True


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)

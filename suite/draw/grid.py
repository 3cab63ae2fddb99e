"""A matrix of attention weights with named rows and columns, as HTML."""

import html
from collections.abc import Sequence

from torch import Tensor

from suite.draw.text import COLOUR

__all__ = ["shade_grid"]


def shade_grid(weights: Tensor, rows: Sequence[str], columns: Sequence[str], title: str = "") -> str:
    """Return HTML of a matrix of weights: one row for each query, one column for each key.

    The colour of a cell is its weight divided by the largest weight of its row, so that rows with many keys are
    readable too. The weight itself is shown when the pointer is on the cell. If rows and columns have the same names,
    the columns show numbers. Names are escaped.

    Shape: weights (rows, columns).

    Raises:
        ValueError: if the numbers of names do not fit the weights.

    >>> import torch
    >>> "Alien" in shade_grid(torch.eye(2), ["Alien", "Heat"], ["Alien", "Heat"])
    True
    """
    if tuple(weights.shape) != (len(rows), len(columns)):
        raise ValueError(
            f"weights of shape {tuple(weights.shape)} do not fit {len(rows)} rows and {len(columns)} columns"
        )
    same = list(rows) == list(columns)
    names = [str(number) for number in range(1, len(columns) + 1)] if same else [html.escape(name) for name in columns]
    head = "".join(f'<th style="font-weight: normal; padding: 0 3px">{name}</th>' for name in names)
    named = [f"{number}. {name}" if same else name for number, name in enumerate(rows, start=1)]
    lines = [
        f'<tr><td style="white-space: nowrap; padding-right: 8px">{html.escape(name)}</td>'
        + "".join(_cell(float(weight), float(row.max())) for weight in row)
        + "</tr>"
        for name, row in zip(named, weights, strict=True)
    ]
    caption = f'<caption style="text-align: left"><b>{html.escape(title)}</b></caption>' if title else ""
    style = "font-family: sans-serif; font-size: 12px; border-collapse: collapse"
    return f'<table style="{style}">{caption}<tr><td></td>{head}</tr>{"".join(lines)}</table>'


def _cell(weight: float, largest: float) -> str:
    strength = weight / largest if largest > 0.0 else 0.0
    style = f"width: 18px; height: 18px; background: rgba({COLOUR}, {strength:.2f})"
    return f'<td title="{weight:.3f}" style="{style}"></td>'

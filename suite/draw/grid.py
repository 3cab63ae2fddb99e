"""A matrix of attention weights with the names of what it joins: who looked at what."""

import html
from collections.abc import Sequence

from torch import Tensor

from suite.draw.text import COLOUR


def shade_grid(weights: Tensor, rows: Sequence[str], columns: Sequence[str], title: str = "") -> str:
    """HTML of weights (R, C): a line for every query, a column for every key, a cell as dark as its weight.

    Columns are numbered, and named in the lines where both are the same things. A row's largest weight is full colour,
    so that rows of many keys can be read like those of few; the number itself shows when the mouse rests on a cell.
    Nothing of a name is taken for HTML. Raises ValueError where names and weights do not fit.

    >>> "Alien" in shade_grid(torch.eye(2), ["Alien", "Heat"], ["Alien", "Heat"])
    True
    """
    if tuple(weights.shape) != (len(rows), len(columns)):
        raise ValueError(f"{len(rows)} rows and {len(columns)} columns cannot name weights of {tuple(weights.shape)}")
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

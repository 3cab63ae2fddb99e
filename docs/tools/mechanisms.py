"""Try every combination of mechanisms: ``python docs/tools/mechanisms.py > docs/attention.md``."""

# L queries, S keys

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch

from suite.attention.attention import Attention
from suite.attention.build import ALIGNMENTS, PATTERNS, SCORES, build_attention, build_edge_attention
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.choose import choose
from suite.attention.ragged.edges import Edges

FACTS = {"num_heads": 2, "head_dim": 4}
SHORT, LONG, BLOCK = 20, 600, 10  # keys of a trial; keys where the fast paths begin; keys of a block
ARGUMENTS: dict[str, Callable[[int], dict[str, Any]]] = {  # of the patterns that need data, for a number of keys
    "lengths": lambda keys: {"lengths": torch.tensor([keys - 1])},
    "window": lambda keys: {"left": 3, "right": 3},
    "global_local": lambda keys: {"num_global": 1, "width": 3},
    "local_monotonic": lambda keys: {"width": 3},
    "graph_edges": lambda keys: {"edge_index": torch.arange(keys).expand(2, -1), "num_nodes": keys},
    "block_sparse": lambda keys: {"layout": torch.eye(-(-keys // BLOCK), dtype=torch.bool), "block_size": BLOCK},
    "sinkhorn_blocks": lambda keys: {"partner": torch.arange(-(-keys // BLOCK)), "block_size": BLOCK},
    "axial_rows": lambda keys: {"height": keys // BLOCK, "width": BLOCK},
    "axial_columns": lambda keys: {"height": keys // BLOCK, "width": BLOCK},
    "location_based": lambda keys: {"max_keys": LONG},
}

INTRODUCTION = """# Every mechanism, and where it works

One equation: `weights = align(score(query, key), pattern)`, `context = weights @ value`. Each of the four choices is a
name in the config (`attention.score=additive`) and a class with its equation and source in `suite/attention`.
Written by `python docs/tools/mechanisms.py`, which tries every combination; a test compares.
"""


def table() -> str:
    """The page, in Markdown."""
    parts = [INTRODUCTION, _scores(), _alignments(), _patterns(), _combinations()]
    return "\n".join(parts)


def _scores() -> str:
    rows = []
    for name, cls in SCORES.items():
        paths = [_path(length, score=name) for length in (SHORT, LONG)]
        rows.append([f"`{name}`", _summary(cls), _dense(score=name), _over_edges(score=name), " / ".join(paths)])
    head = ["score", "what it is", "dense", "edges and segments", f"path without weights, {SHORT} / {LONG} keys"]
    return "## Scores\n\n" + _markdown(head, rows)


def _alignments() -> str:
    rows = []
    for name, cls in ALIGNMENTS.items():
        cross = _dense(alignment=name, queries=SHORT // 2)
        edges = _over_edges(alignment=name)
        rows.append([f"`{name}`", _summary(cls), _dense(alignment=name), cross, edges, _path(LONG, alignment=name)])
    head = ["alignment", "what it is", "L = S", "L != S", "edges and segments", "path without weights"]
    return "## Alignments\n\n" + _markdown(head, rows)


def _patterns() -> str:
    rows = []
    for name, cls in PATTERNS.items():
        path = _path(LONG, pattern=name)
        cost = "linear in the length" if path == "tiles" else "all pairs"
        cross = _dense(pattern=name, queries=SHORT // 2)
        rows.append([f"`{name}`", _summary(cls), _dense(pattern=name), cross, cost, path])
    head = ["pattern", "what it is", "L = S", "L != S", "cost", "path without weights"]
    note = "\nOver edges and segments the graph is the pattern: " + _over_edges(pattern="causal") + "\n"
    return "## Patterns\n\n" + _markdown(head, rows) + note


def _combinations() -> str:
    """Every score with every alignment and pattern, densely, L = S: how many of the patterns work."""
    scores, alignments, patterns = list(SCORES), list(ALIGNMENTS), list(PATTERNS)
    head = ["score \\ alignment", *(f"`{name}`" for name in alignments)]
    rows, refused = [], []
    for score in scores:
        row = [f"`{score}`"]
        for alignment in alignments:
            answers = {p: _dense(score=score, alignment=alignment, pattern=p) for p in patterns}
            refused += [f"{score}, {alignment}, {p}: {a}" for p, a in answers.items() if a != "yes"]
            row.append(f"{sum(a == 'yes' for a in answers.values())} of {len(answers)}")
        rows.append(row)
    text = "## Every combination\n\nDense, L = S: for each score and alignment, the patterns that work with both.\n\n"
    return text + _markdown(head, rows) + ("\nRefused:\n\n" + "\n".join(refused) if refused else "\nNone is refused.\n")


def _attention(
    score: str = "scaled_dot", alignment: str = "softmax", pattern: str = "full", keys: int = SHORT
) -> Attention:
    choices = {"score": score, "alignment": alignment, "pattern": pattern}
    config = {kind: {"name": n, **ARGUMENTS.get(n, lambda _: {})(keys)} for kind, n in choices.items()}
    return build_attention(config, **FACTS)


def _dense(queries: int | None = None, keys: int = SHORT, **choices: str) -> str:
    query, key = torch.zeros(1, 2, queries or keys, 4), torch.zeros(1, 2, keys, 4)
    return _answer(lambda: _attention(**choices, keys=keys)(query, key, key, need_weights=True))


def _over_edges(**choices: str) -> str:
    nodes = torch.zeros(2, 2, 4)
    edges = Edges.from_index(torch.tensor([[0, 1], [1, 0]]), 2)

    def run() -> object:
        return build_edge_attention(choices, **FACTS)(nodes, nodes, nodes, edges)

    return _answer(run)


def _answer(run: Callable[[], object]) -> str:
    try:
        with torch.no_grad():
            run()
    except ValueError as error:
        return f"no: {error}"
    return "yes"


def _path(length: int, **choices: str) -> str:
    attention = _attention(**choices, keys=length)
    if attention.score.stateful or attention.alignment.stateful:
        return "reference"
    x = torch.zeros(1, 2, length, 4)
    return choose(
        AttentionCall(x, x, x, attention.score, attention.alignment, attention.pattern)
    ).__name__.removesuffix("_path")


def _summary(cls: type) -> str:
    """The first paragraph of a class's docstring, up to its source."""
    text = " ".join(itertools.takewhile(bool, (line.strip() for line in (cls.__doc__ or "").splitlines())))
    return text.split("   ")[0].replace("``", "`").replace("|", "\\|").rstrip(".:")


def _markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")

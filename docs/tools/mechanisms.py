"""Write docs/attention.md from the code: ``python docs/tools/mechanisms.py > docs/attention.md``.

Names, equations and sources come from the docstrings of the classes. Whether a choice works with L != S and over edges,
and which path computes it, is found by trying it.
"""

# L queries, S keys

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch

from suite.attention import (
    ALIGNMENTS,
    PATTERNS,
    SCORES,
    Attention,
    AttentionPooling,
    Edges,
    build_attention,
    build_edge_attention,
)
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.choose import choose

FACTS = {"num_heads": 2, "head_dim": 4}
SHORT, LONG, BLOCK = 20, 600, 10  # keys of a short and of a long trial; keys in a block
ARGUMENTS: dict[str, Callable[[int], dict[str, Any]]] = {  # arguments that depend on the number of keys
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

PAGE = """# Attention: choices, combinations, paths

`suite.attention` computes one equation:

    scores  = score(query, key) + bias
    weights = align(scores, pattern & mask)
    context = dropout(weights) @ value

A score, an alignment and a pattern are chosen by name. `Attention` computes the equation on padded batches
(B, H, L, S), `EdgeAttention` along the edges of a graph and within segments, where the graph is the pattern and softmax
the alignment.

```python
from suite.attention import Additive, Attention, Causal, MultiheadAttention, Sparsemax

attention = Attention(Additive(num_heads=4, head_dim=16), Sparsemax(), Causal(), dropout=0.1)
layer = MultiheadAttention(embed_dim=64, num_heads=4, attention=attention)
```

```bash
attn train task=recommender attention=additive                                       # a preset of conf/attention
attn train task=recommender attention.score=cosine attention.alignment=sparsemax     # single choices
attn train task=recommender attention=window attention.pattern.left=8                # an argument of a choice
```

This page is written by `python docs/tools/mechanisms.py`; a test keeps it up to date.

## Scores

{scores}
A score of your own is a subclass of `suite.attention.Score` with one method, `pairs`; `suite.testing.AttentionContract`
tests it in every layout.

## Alignments

{alignments}
## Patterns

Patterns combine with `&` and `|`: `Causal() & Window(64, 0)`. "Linear" patterns compute only their tiles.

{patterns}
## What combines

- Every score works with every alignment and every pattern on padded batches where L = S.
- Where L differs from S, these are rejected: {not_square}.
- Over edges and segments, every score works except {not_over_edges}, which depend on the order of
  the keys. The alignment must be `softmax` with temperature 1, the pattern `full`.
- `implementation=compiled` needs an inner-product score with softmax, or `gat` over edges (docs/compiled.md).
- A pattern places its queries: the last query is at the last key, unless the caller passes `query_positions`. The
  learnt query of `AttentionPooling` has no position, so these patterns are rejected there: {not_pooled}.
- `sinkhorn` balances queries and keys. A row depends on later rows, so it is rejected for one query (pooling, the
  decoders of speech) and for causal networks (SASRec, DIN).
- `a | b` of patterns rejects `local_predictive`, which has no mask of positions. With `a & b` rules on positions apply
  first, and `local_predictive` predicts a position among the keys that they allow.

What the tasks reject, because their equation would be another one in training than in use:

| model | rejected | reason |
| --- | --- | --- |
| `recommender/sasrec` | `sinkhorn`; patterns of a fixed size | an event would depend on later ones |
| `recommender/bert4rec` | patterns of a fixed size | histories have any length |
| `recommender/din` | `sinkhorn`, `monotonic`; patterns of a fixed size | a candidate would depend on the others |
| `speech/las` | `sinkhorn`; patterns of a fixed size | one query a step; utterances have any length |
| `speech/ctc_attention` | `sinkhorn`; scores, alignments and patterns that go by steps | all steps at once |
| `oct` pooling | `sinkhorn`; patterns that need a position | one learnt query |

Patterns of a fixed size are {fixed}. In `speech/las` step u is at position `positions_per_unit` u of the utterance.

A rejected combination raises ValueError with the reason and the setting to change, when the model is built or, if it
depends on the lengths, at the first call.

## Situations

Every combination that is not rejected equals the plain equation, in values and gradients, with gradient checkpoints
of both kinds, saved-tensor hooks, `torch.compile`, autocast and half precision (within the rounding of the type), alone
and in a batch. `tests/parity/test_matrix.py` computes the matrix: every two values of two factors by default, all of it
with `-m slow`.

- Second derivatives (`create_graph=True`) are right on every path of this package, dropout, tiles, graphs, segments,
  reversible blocks and C++ kernels included. torch's own `sdpa` kernels have none and raise RuntimeError; take
  `implementation=reference` there.
- Reversible blocks may contain random layers. A `Reversible` block alone saves its two outputs, a `ReversibleSequence`
  those of its last block.
- `monotonic`, `local_predictive`, `cosine`, and sums over edges compute in float32 where tensors are in half precision.

## Which path computes a call

With `implementation=auto` the dispatcher takes the first row that matches. Every path equals the reference in values
and gradients; only `reference` returns weights, and it also serves `need_weights=True`.

{paths}
`sdpa` is `torch.nn.functional.scaled_dot_product_attention`, `flex` is FlexAttention; `tiles` and `chunks` hold one
tile of scores at a time and compute it again in the backward pass; `cpu_dropout` is softmax with dropout in chunks that
fit in the cache; `kernels` are the C++ kernels. `torch.export` and `torch.compile` get `sdpa` or `reference`.
"""


def page() -> str:
    """The page in Markdown."""
    not_square = [
        name
        for kind, table in (("alignment", ALIGNMENTS), ("pattern", PATTERNS))
        for name in table
        if not _works_dense(**{kind: name}, queries=SHORT // 2)
    ]
    return PAGE.format(
        scores=_scores(),
        alignments=_alignments(),
        patterns=_patterns(),
        not_square=_listed(not_square),
        not_pooled=_listed(name for name in PATTERNS if not _works_in_pooling(name)),
        fixed=_listed(name for name, cls in PATTERNS.items() if cls.fixed_size),
        not_over_edges=_listed(name for name in SCORES if not _works_over_edges(score=name)),
        paths=_paths(),
    )


def every_square_combination_works() -> bool:
    """Whether every score works with every alignment and pattern where L = S, as the page states."""
    return all(
        _works_dense(score=score, alignment=alignment, pattern=pattern)
        for score in SCORES
        for alignment in ALIGNMENTS
        for pattern in PATTERNS
    )


def _scores() -> str:
    rows = []
    for name, cls in SCORES.items():
        short, long = (_path(length, score=name) for length in (SHORT, LONG))
        path = short if short == long else f"{short}, long inputs {long}"
        rows.append([f"`{name}`", *_equation_and_source(cls), "yes" if _works_over_edges(score=name) else "no", path])
    return _markdown(["name", "equation", "source", "edges", "path"], rows)


def _alignments() -> str:
    rows = [[f"`{name}`", _summary(cls), _source(cls), _path(LONG, alignment=name)] for name, cls in ALIGNMENTS.items()]
    return _markdown(["name", "what it is", "source", "path"], rows)


def _patterns() -> str:
    rows = []
    for name, cls in PATTERNS.items():
        path = _path(LONG, pattern=name)
        rows.append([f"`{name}`", _summary(cls), _source(cls), "linear" if path == "tiles" else "all pairs", path])
    return _markdown(["name", "what it allows", "source", "cost", "path"], rows)


def _paths() -> str:
    """The table in the docstring of ``choose``."""
    lines = [line.strip() for line in (choose.__doc__ or "").splitlines() if line.strip().startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
    return _markdown(
        cells[0], [[cell.replace("_path``", "``").replace("``", "`") for cell in row] for row in cells[1:]]
    )


def _attention(
    score: str = "scaled_dot", alignment: str = "softmax", pattern: str = "full", keys: int = SHORT
) -> Attention:
    choices = {"score": score, "alignment": alignment, "pattern": pattern}
    config = {kind: {"name": n, **ARGUMENTS.get(n, lambda _: {})(keys)} for kind, n in choices.items()}
    return build_attention(config, **FACTS)


def _works_dense(queries: int | None = None, keys: int = SHORT, **choices: str) -> bool:
    query, key = torch.zeros(1, 2, queries or keys, 4), torch.zeros(1, 2, keys, 4)
    return _works(lambda: _attention(**choices, keys=keys)(query, key, key, need_weights=True))


def _works_over_edges(**choices: str) -> bool:
    nodes, edges = torch.zeros(2, 2, 4), Edges.from_index(torch.tensor([[0, 1], [1, 0]]), 2)
    return _works(lambda: build_edge_attention(choices, **FACTS)(nodes, nodes, nodes, edges))


def _works_in_pooling(pattern: str) -> bool:
    return _works(lambda: AttentionPooling(8, _attention(pattern=pattern), num_heads=2))


def _works(run: Callable[[], object]) -> bool:
    try:
        with torch.no_grad():
            run()
    except ValueError:
        return False
    return True


def _path(length: int, **choices: str) -> str:
    attention = _attention(**choices, keys=length)
    if attention.score.stateful or attention.alignment.stateful:
        return "reference"
    x = torch.zeros(1, 2, length, 4)
    call = AttentionCall(x, x, x, attention.score, attention.alignment, attention.pattern)
    return choose(call).__name__.removesuffix("_path")


CITATION = re.compile(r"\(([A-Z][^()]*? \d{4}(?:, [^();:]*(?:\([^()]*\)[^();:]*)?)?)[);:]")


def _summary(cls: type) -> str:
    """The first paragraph of a class's docstring, without its citation."""
    paragraph = " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())
    return _escape(paragraph.split(" (")[0] if CITATION.search(paragraph) else paragraph)


def _source(cls: type) -> str:
    """The first citation in a class's docstring, such as Luong et al. 2015, sec. 3.1."""
    citation = CITATION.search(" ".join((inspect.getdoc(cls) or "").split()))
    return citation.group(1).replace('"', "") if citation else ""


def _equation_and_source(cls: type) -> tuple[str, str]:
    """The right-hand side of "score[i, j] = ..." in a docstring, and its source."""
    lines = inspect.getdoc(cls).splitlines()
    line = next(line for line in lines if "score[i, j] = " in line)
    return "`" + line.split("score[i, j] = ")[1].split("   (")[0] + "`", _source(cls)


def _listed(names: Iterable[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return ", ".join(quoted[:-1]) + " and " + quoted[-1]


def _escape(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").rstrip(".: ")


def _markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")

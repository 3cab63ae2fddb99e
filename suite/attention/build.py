"""Build attention from a plain dict, as the config group ``attention`` gives it: names of choices become objects."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from suite.attention.attention import Attention
from suite.attention.choices.alignments import (
    Alignment,
    Entmax15,
    Hard,
    Monotonic,
    Sigmoid,
    Sinkhorn,
    Softmax,
    Sparsemax,
    StraightThrough,
)
from suite.attention.choices.block_patterns import AxialColumns, AxialRows, BlockSparse, GlobalLocal, SinkhornBlocks
from suite.attention.choices.local_patterns import LocalMonotonic, LocalPredictive
from suite.attention.choices.location_scores import LocationBased, LocationSensitive
from suite.attention.choices.patterns import Causal, Full, GraphEdges, Lengths, Pattern, Window
from suite.attention.choices.scores import (
    Additive,
    Concat,
    Cosine,
    Dot,
    GATScore,
    GATv2Score,
    General,
    ScaledDot,
    Score,
)
from suite.attention.edge_attention import EdgeAttention

Choice = TypeVar("Choice", Score, Alignment, Pattern)

SCORES: Mapping[str, type[Score]] = {
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "general": General,
    "cosine": Cosine,
    "additive": Additive,
    "concat": Concat,
    "gat": GATScore,
    "gatv2": GATv2Score,
    "location_based": LocationBased,
    "location_sensitive": LocationSensitive,
}
ALIGNMENTS: Mapping[str, type[Alignment]] = {
    "softmax": Softmax,
    "sparsemax": Sparsemax,
    "entmax15": Entmax15,
    "sigmoid": Sigmoid,
    "monotonic": Monotonic,
    "sinkhorn": Sinkhorn,
    "hard": Hard,
    "straight_through": StraightThrough,
}
PATTERNS: Mapping[str, type[Pattern]] = {
    "full": Full,
    "causal": Causal,
    "window": Window,
    "lengths": Lengths,
    "graph_edges": GraphEdges,
    "block_sparse": BlockSparse,
    "sinkhorn_blocks": SinkhornBlocks,
    "global_local": GlobalLocal,
    "axial_rows": AxialRows,
    "axial_columns": AxialColumns,
    "local_monotonic": LocalMonotonic,
    "local_predictive": LocalPredictive,
}


def build_attention(config: Mapping[str, Any], **facts: Any) -> Attention:
    """Build ``Attention`` from a config with the keys ``score``, ``alignment``, ``pattern``, ``dropout``,
    ``implementation``; missing keys take the defaults of ``Attention``.

    A choice is one of

    - a name of ``SCORES``, ``ALIGNMENTS`` or ``PATTERNS``: ``"scaled_dot"``;
    - a mapping with that name and arguments: ``{"name": "window", "left": 2, "right": 0}``;
    - an object, or a callable that makes one, such as a class of your own or what ``_partial_: true`` gives.

    Args:
        config: the choices.
        facts: what the model knows, such as ``num_heads``, ``head_dim``, ``height`` and ``width``; passed to the
            classes whose constructor has an argument of that name.

    Raises ValueError for an unknown name, key or argument, and for a missing argument.

    >>> build_attention({"score": "additive", "alignment": "sparsemax"}, num_heads=2, head_dim=3).score
    Additive()
    >>> build_attention({"pattern": {"name": "window", "left": 2, "right": 0}}).pattern.left
    2
    """
    return Attention(**_choices(config, facts))


def build_edge_attention(config: Mapping[str, Any], **facts: Any) -> EdgeAttention:
    """Build ``EdgeAttention`` from the config of ``build_attention``.

    Raises ValueError as ``build_attention``, for a pattern (the edges or segments are the pattern), and for an
    alignment other than softmax.

    >>> build_edge_attention({"score": "gatv2"}, num_heads=2, head_dim=3).score
    GATv2Score()
    """
    choices = _choices(config, facts)
    alignment, pattern = choices.pop("alignment"), choices.pop("pattern")
    if not isinstance(alignment, Softmax) or alignment.temperature != 1.0:
        raise ValueError(
            f"attention over edges or segments supports only the alignment softmax with temperature 1, got "
            f"{_name_of(alignment)}; set attention.alignment=softmax"
        )
    if not isinstance(pattern, Full):
        raise ValueError(
            f"edges and segments are themselves the pattern, so {_name_of(pattern)} does not apply; "
            "set attention.pattern=full"
        )
    return EdgeAttention(**choices)


def _choices(config: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``Attention``."""
    known = inspect.signature(Attention).parameters
    for key in config:
        if key not in known:
            raise ValueError(f"attention has no key {key!r}.{_nearest(str(key), known)}")
    return {
        "score": _build(Score, SCORES, config.get("score", "scaled_dot"), facts),
        "alignment": _build(Alignment, ALIGNMENTS, config.get("alignment", "softmax"), facts),
        "pattern": _build(Pattern, PATTERNS, config.get("pattern", "full"), facts),
        "dropout": config.get("dropout", 0.0),
        "implementation": config.get("implementation", "auto"),
    }


def _build(family: type[Choice], table: Mapping[str, type[Choice]], choice: Any, facts: Mapping[str, Any]) -> Choice:
    """One score, alignment or pattern."""
    kind = family.__name__.lower()
    if isinstance(choice, family):
        return choice
    if callable(choice):
        return _call(family, choice, "given", {}, facts)
    options = {"name": choice} if isinstance(choice, str) else dict(choice) if isinstance(choice, Mapping) else {}
    if "name" not in options:
        raise ValueError(f"a {kind} must be a name, or a mapping with a name and arguments, got {choice!r}")
    name = str(options.pop("name"))
    if name not in table:
        raise ValueError(f"there is no {kind} {name!r}.{_nearest(name, table)}")
    return _call(family, table[name], name, options, facts)


def _call(
    family: type[Choice],
    make: Callable[..., Choice],
    name: str,
    options: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> Choice:
    """Call ``make`` with its options and with the facts that it has arguments for."""
    kind = family.__name__.lower()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # those of nn.Module take nothing
    accepted = {key: p for key, p in inspect.signature(make).parameters.items() if p.kind not in variadic}
    for key in options:
        if key not in accepted:
            raise ValueError(f"{kind} {name} has no argument {key!r}.{_nearest(str(key), accepted)}")
    arguments = {key: value for key, value in facts.items() if key in accepted} | dict(options)
    missing = [key for key, p in accepted.items() if p.default is p.empty and key not in arguments]
    if missing:
        raise ValueError(
            f"{kind} {name} needs {', '.join(missing)}, which this model does not provide; set "
            f"attention.{kind}='{{name: {name}, {missing[0]}: ...}}', or choose another {kind}"
        )
    part = make(**arguments)
    if not isinstance(part, family):
        raise ValueError(f"a {kind} must be a subclass of suite.attention.{family.__name__}, got {type(part).__name__}")
    return part


def _name_of(choice: Alignment | Pattern) -> str:
    """The name in a config; the class name for a class of the user."""
    names = {cls: name for table in (ALIGNMENTS, PATTERNS) for name, cls in table.items()}
    return names.get(type(choice), type(choice).__name__)


def _nearest(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return (f" Did you mean {near[0]!r}?" if near else "") + f" Valid: {', '.join(names) or 'no argument'}"

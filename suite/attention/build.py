"""From a plain dict to attention: what ``attention=NAME`` and ``attention.score=additive`` reach a model through."""

import difflib
import importlib
import inspect
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from suite.attention import alignment, local, location, patterns, scores, sparse
from suite.attention.alignment import Alignment, Softmax
from suite.attention.module import Attention
from suite.attention.patterns import Both, Either, Full, Pattern
from suite.attention.scores import InnerProduct, Score

Choice = str | Mapping[str, Any]
Family = TypeVar("Family", Score, Alignment, Pattern)

_HOMES = {Score: (scores, location), Alignment: (alignment,), Pattern: (patterns, sparse, local)}
_PARTS = (InnerProduct, Both, Either)  # bases and combinations, not choices of their own


def build_attention(config: Mapping[str, Any], **facts: Any) -> Attention:
    """Attention from a config with the keys ``score``, ``alignment``, ``pattern``, ``dropout``, ``implementation``.

    A choice is the name of a class in small letters (``scaled_dot``), or a mapping whose ``_target_`` is that name or a
    dotted path, and whose other keys are arguments. ``facts`` are known to the model alone (``num_heads``,
    ``head_dim``, ``height``, ``width``) and reach the classes that ask for them. Raises ValueError for an unknown name,
    key or argument.

    >>> build_attention({"score": "additive", "alignment": "sparsemax"}, num_heads=2, head_dim=3).score
    Additive()
    >>> build_attention({"pattern": {"_target_": "window", "left": 2, "right": 0}}).pattern.left
    2
    """
    known = inspect.signature(Attention).parameters
    for key in config:
        if key not in known:
            raise ValueError(f"attention has no {key!r}.{_nearest(str(key), known)}")
    return Attention(
        score=build_part(Score, config.get("score", "scaled_dot"), facts),
        alignment=build_part(Alignment, config.get("alignment", "softmax"), facts),
        pattern=build_part(Pattern, config.get("pattern", "full"), facts),
        dropout=config.get("dropout", 0.0),
        implementation=config.get("implementation", "auto"),
    )


def build_edge_score(config: Mapping[str, Any], **facts: Any) -> Score:
    """The score of a config for the layouts of edges and segments, which know softmax and their own pattern only.

    Raises ValueError, in one sentence, for what the layout can't do.

    >>> build_edge_score({"score": "gatv2"}, num_heads=2, head_dim=3)
    GATv2Score()
    """
    return over_edges(build_attention(config, **facts))


def over_edges(attention: Attention) -> Score:
    """The score of ``attention``, where its other choices have a meaning over edges and segments; else ValueError."""
    if not isinstance(attention.alignment, Softmax) or attention.alignment.temperature != 1.0:
        raise ValueError(
            f"attention over edges or segments aligns by softmax only, not by {name_of(type(attention.alignment))}; "
            "set attention.alignment=softmax, or use the dense layout with pattern=graph_edges"
        )
    if not isinstance(attention.pattern, Full):
        raise ValueError(
            f"edges and segments are themselves the pattern, so {name_of(type(attention.pattern))} does not apply; "
            "set attention.pattern=full"
        )
    if isinstance(attention.score, location.LocationBased | location.LocationSensitive):
        raise ValueError(
            f"the score {name_of(type(attention.score))} needs keys that stand in order, which edges and segments do "
            "not; set attention.score=additive"
        )
    return attention.score


def build_part(family: type[Family], choice: Choice, facts: Mapping[str, Any]) -> Family:
    """One member of a family (``Score``, ``Alignment``, ``Pattern``) from a name or a mapping with ``_target_``."""
    options = {"_target_": choice} if isinstance(choice, str) else dict(choice)
    if "_target_" not in options:
        raise ValueError(f"a {name_of(family)} is a name or a mapping with _target_, got {dict(options)}")
    cls = find(family, str(options.pop("_target_")))
    accepted = _arguments(cls)
    for key in options:
        if key not in accepted:
            raise ValueError(f"{name_of(family)} {name_of(cls)} has no {key!r}.{_nearest(str(key), accepted)}")
    arguments = {key: value for key, value in facts.items() if key in accepted} | options
    missing = [p.name for p in accepted.values() if p.default is p.empty and p.name not in arguments]
    if missing:
        raise ValueError(
            f"{name_of(family)} {name_of(cls)} needs {', '.join(missing)}, which this model does not provide; give it "
            f"as attention.{name_of(family)}.{missing[0]}=..., or choose another {name_of(family)}"
        )
    return cls(**arguments)


def find(family: type[Family], target: str) -> type[Family]:
    """The class that a name or a dotted path stands for; ValueError where there is none or it is of another family."""
    if "." not in target:
        known = members(family)
        if target not in known:
            raise ValueError(f"there is no {name_of(family)} {target!r}.{_nearest(target, known)}")
        return known[target]
    module, _, name = target.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name_of(family)} {target!r} can't be imported: {error}") from error
    if not (isinstance(cls, type) and issubclass(cls, family)):
        raise ValueError(f"{target!r} is no {family.__name__}; subclass suite.attention's {family.__name__}")
    return cls


def members(family: type[Family]) -> dict[str, type[Family]]:
    """The classes of a family, by the names that a config uses."""
    classes = (cls for home in _HOMES[family] for cls in vars(home).values() if isinstance(cls, type))
    return {name_of(c): c for c in classes if issubclass(c, family) and c is not family and c not in _PARTS}


def name_of(cls: type) -> str:
    """A class in the words of a config: ScaledDot -> scaled_dot, GATv2Score -> gatv2."""
    word = cls.__name__.removesuffix("Score") or cls.__name__
    return word.lower() if word.startswith("GAT") else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()


def _arguments(cls: type) -> dict[str, inspect.Parameter]:
    """What a class is built with; nn.Module's own ``*args, **kwargs`` stand for nothing."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: p for name, p in inspect.signature(cls).parameters.items() if p.kind not in variadic}


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return (f" Did you mean {near[0]!r}?" if near else "") + f" Valid: {', '.join(sorted(known))}"

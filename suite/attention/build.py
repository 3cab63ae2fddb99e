"""From a plain dict to attention: what ``attention=NAME`` and ``attention.score=additive`` reach a model through."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from suite.attention.attention import Attention
from suite.attention.choices import alignments, block_patterns, local_patterns, location_scores, patterns, scores
from suite.attention.choices.alignments import Alignment, Softmax
from suite.attention.choices.location_scores import LocationBased, LocationSensitive
from suite.attention.choices.patterns import Both, Either, Full, Pattern
from suite.attention.choices.scores import InnerProduct, Score

Family = TypeVar("Family", Score, Alignment, Pattern)

_HOMES = {
    Score: (scores, location_scores),
    Alignment: (alignments,),
    Pattern: (patterns, block_patterns, local_patterns),
}
_PARTS = (InnerProduct, Both, Either)  # bases and combinations, not choices of their own


def build_attention(config: Mapping[str, Any], **facts: Any) -> Attention:
    """Attention from a config with the keys ``score``, ``alignment``, ``pattern``, ``dropout``, ``implementation``.

    A choice is the name of a class in small letters (``scaled_dot``); or a mapping with that ``name``, whose other keys
    are arguments; or, for a class from elsewhere, what a config's ``_target_`` with ``_partial_: true`` has become: a
    callable. ``facts`` are known to the model alone (``num_heads``, ``head_dim``, ``height``, ``width``) and reach the
    classes that ask for them. Raises ValueError for an unknown name, key or argument.

    >>> build_attention({"score": "additive", "alignment": "sparsemax"}, num_heads=2, head_dim=3).score
    Additive()
    >>> build_attention({"pattern": {"name": "window", "left": 2, "right": 0}}).pattern.left
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
            f"attention over edges or segments aligns by softmax (temperature 1) only, not by "
            f"{name_of(type(attention.alignment))}; set attention.alignment=softmax"
        )
    if not isinstance(attention.pattern, Full):
        raise ValueError(
            f"edges and segments are themselves the pattern, so {name_of(type(attention.pattern))} does not apply; "
            "set attention.pattern=full"
        )
    if isinstance(attention.score, LocationBased | LocationSensitive):
        raise ValueError(
            f"the score {name_of(type(attention.score))} needs keys that stand in order, which edges and segments do "
            "not; set attention.score=additive"
        )
    return attention.score


def build_part(family: type[Family], choice: Any, facts: Mapping[str, Any]) -> Family:
    """One member of a family (``Score``, ``Alignment``, ``Pattern``)."""
    kind = family.__name__.lower()
    if isinstance(choice, family):
        return choice
    if callable(choice):
        return _call(family, choice, "given", {}, facts)
    options = {"name": choice} if isinstance(choice, str) else dict(choice) if isinstance(choice, Mapping) else {}
    if "name" not in options:
        raise ValueError(f"a {kind} is a name, or a mapping with a name and arguments, got {choice!r}")
    name, known = str(options.pop("name")), members(family)
    if name not in known:
        raise ValueError(f"there is no {kind} {name!r}.{_nearest(name, known)}")
    return _call(family, known[name], name, options, facts)


def members(family: type[Family]) -> dict[str, type[Family]]:
    """The classes of a family, by the names that a config uses."""
    classes = (cls for home in _HOMES[family] for cls in vars(home).values() if isinstance(cls, type))
    return {name_of(c): c for c in classes if issubclass(c, family) and c is not family and c not in _PARTS}


def name_of(cls: type) -> str:
    """A class in the words of a config: ScaledDot -> scaled_dot, GATv2Score -> gatv2."""
    word = cls.__name__.removesuffix("Score")
    return word.lower() if word.startswith("GAT") else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()


def _call(
    family: type[Family],
    make: Callable[..., Family],
    name: str,
    options: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> Family:
    """Build a member from its own options and the facts that it asks for."""
    kind = family.__name__.lower()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # nn.Module's stand for nothing
    accepted = {key: p for key, p in inspect.signature(make).parameters.items() if p.kind not in variadic}
    for key in options:
        if key not in accepted:
            raise ValueError(f"{kind} {name} has no {key!r}.{_nearest(str(key), accepted)}")
    arguments = {key: value for key, value in facts.items() if key in accepted} | dict(options)
    missing = [key for key, p in accepted.items() if p.default is p.empty and key not in arguments]
    if missing:
        raise ValueError(
            f"{kind} {name} needs {', '.join(missing)}, which this model does not provide; give it as "
            f"attention.{kind}='{{name: {name}, {missing[0]}: ...}}', or choose another {kind}"
        )
    part = make(**arguments)
    if not isinstance(part, family):
        raise ValueError(
            f"a {kind} must be a subclass of {family.__module__}.{family.__name__}, got {type(part).__name__}"
        )
    return part


def _nearest(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return (f" Did you mean {near[0]!r}?" if near else "") + f" Valid: {', '.join(names) or 'no argument'}"

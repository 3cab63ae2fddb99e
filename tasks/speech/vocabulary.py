"""Output units by name: learned from the training transcripts, or restored from the facts of a checkpoint."""

from collections.abc import Mapping, Sequence
from typing import Any

from suite.errors import UserError, did_you_mean
from tasks.speech.subwords import Subwords
from tasks.speech.units import Characters, Units, Words

KINDS: dict[str, type[Units]] = {kind.kind: kind for kind in (Characters, Words, Subwords)}


def learn_units(kind: str, texts: Sequence[str], num_subwords: int) -> Units:
    """Return the units of the training texts.

    Args:
        kind: ``characters``, ``words`` or ``subwords``.
        texts: the training transcripts.
        num_subwords: number of units where ``kind`` is ``subwords``.

    Raises:
        UserError: for another kind, or where the texts do not allow ``num_subwords`` units.
    """
    if kind == Subwords.kind:
        return Subwords.train(texts, num_subwords)
    if kind not in KINDS:
        raise UserError(f"data.units={kind} does not exist.{did_you_mean(kind, KINDS)}")
    return KINDS[kind].learn(texts)


def units_from_facts(facts: Mapping[str, Any]) -> Units:
    """Return the units that ``Units.facts`` describes."""
    arguments = {name: value for name, value in facts.items() if name != "kind"}
    return KINDS[facts["kind"]](**arguments)

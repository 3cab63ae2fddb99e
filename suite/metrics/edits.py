"""Edit distance between two sequences, by kind of edit."""

from collections.abc import Sequence
from typing import NamedTuple


class Edits(NamedTuple):
    """Numbers of edits in a cheapest alignment; ``length`` is the length of the reference."""

    length: int
    substitutions: int
    deletions: int
    insertions: int


def count_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> Edits:
    """Count the edits of a cheapest alignment (Levenshtein 1966).

    Among alignments of the same cost it is the one with most substitutions.

    A deletion is an item of the reference that is missing in the hypothesis; an insertion is an item of the hypothesis
    that is not in the reference.

    >>> count_edits("a b c".split(), "a x".split())
    Edits(length=3, substitutions=1, deletions=1, insertions=0)
    """
    # best[j]: total edits, deletions and insertions between the reference so far and hypothesis[:j]
    best = [(j, 0, j) for j in range(len(hypothesis) + 1)]
    for i, wanted in enumerate(reference, start=1):
        diagonal, best[0] = best[0], (i, i, 0)
        for j, given in enumerate(hypothesis, start=1):
            cost, deleted, inserted = diagonal
            match = (cost + (wanted != given), deleted, inserted)
            deletion = (best[j][0] + 1, best[j][1] + 1, best[j][2])
            insertion = (best[j - 1][0] + 1, best[j - 1][1], best[j - 1][2] + 1)
            diagonal, best[j] = best[j], min(match, deletion, insertion)
    total, deleted, inserted = best[-1]
    return Edits(len(reference), total - deleted - inserted, deleted, inserted)

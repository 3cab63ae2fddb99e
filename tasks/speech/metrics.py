"""Errors of a transcript by kind, and the rates made of them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Edits(NamedTuple):
    """What turns a hypothesis into its reference in as few edits as there can be: ``length`` is the reference's."""

    length: int
    substitutions: int
    deletions: int
    insertions: int


def count_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> Edits:
    """Edits of the cheapest alignment (Levenshtein 1966); of equally cheap ones that with most substitutions.

    A deletion is a word that was said and not written, an insertion one that was written and not said.
    """
    # best[j]: total edits, deletions and insertions between the reference so far and hypothesis[:j]
    best = [(j, 0, j) for j in range(len(hypothesis) + 1)]
    for i, said in enumerate(reference, start=1):
        diagonal, best[0] = best[0], (i, i, 0)
        for j, written in enumerate(hypothesis, start=1):
            cost, deleted, inserted = diagonal
            kept = (cost + (said != written), deleted, inserted)
            without = (best[j][0] + 1, best[j][1] + 1, best[j][2])
            more = (best[j - 1][0] + 1, best[j - 1][1], best[j - 1][2] + 1)
            diagonal, best[j] = best[j], min(kept, without, more)
    total, deleted, inserted = best[-1]
    return Edits(len(reference), total - deleted - inserted, deleted, inserted)


def edit_rows(references: Sequence[str], hypotheses: Sequence[str]) -> Tensor:
    """Edits of words and of characters, one row a text: (B, 8) int64."""
    rows = [
        (*count_edits(said.split(), written.split()), *count_edits(said, written))
        for said, written in zip(references, hypotheses, strict=True)
    ]
    return torch.tensor(rows, dtype=torch.int64).view(-1, 8)


def rates(rows: Tensor) -> dict[str, float]:
    """Word and character error rates, words by kind of error, and the share of texts without any.

    wer = (substitutions + deletions + insertions) / words of the references, over all texts together; cer likewise.
    An empty reference has no words, and what was written for it counts as insertions; where no reference has any, the
    rate is 0 without errors and 1 with some.
    """
    words, characters = (Edits(*(int(n) for n in half.sum(dim=0))) for half in rows.split(4, dim=1))
    said = max(words.length, 1)
    return {
        "wer": _rate(words),
        "cer": _rate(characters),
        "accuracy": float((rows[:, 1:4].sum(dim=1) == 0).double().mean()),
        "substitutions": words.substitutions / said,
        "deletions": words.deletions / said,
        "insertions": words.insertions / said,
    }


def _rate(edits: Edits) -> float:
    wrong = edits.substitutions + edits.deletions + edits.insertions
    return wrong / edits.length if edits.length else float(wrong > 0)

"""Word and character error rates."""

from collections.abc import Sequence

import torch
from torch import Tensor

from suite.metrics.edits import Edits, count_edits


def edit_counts(references: Sequence[str], hypotheses: Sequence[str]) -> Tensor:
    """Count the edits of words and of characters: (B, 8) int64, the fields of ``Edits`` for words, then characters."""
    counts = [
        (*count_edits(reference.split(), hypothesis.split()), *count_edits(reference, hypothesis))
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    return torch.tensor(counts, dtype=torch.int64).view(-1, 8)


def error_rates(counts: Tensor) -> dict[str, float]:
    """Compute error rates from the ``edit_counts`` of all texts.

    ``wer`` = (substitutions + deletions + insertions) / words of all references; ``cer`` is the same over characters.
    ``substitutions``, ``deletions`` and ``insertions`` are the three summands of ``wer``. ``accuracy`` is the fraction
    of texts without any error. Words recognized for an empty reference are insertions. If all references are empty,
    ``wer`` is 0 without errors, else 1.
    """
    words, characters = (Edits(*(int(n) for n in half.sum(dim=0))) for half in counts.split(4, dim=1))
    length = max(words.length, 1)
    return {
        "wer": _rate(words),
        "cer": _rate(characters),
        "accuracy": float((counts[:, 1:4].sum(dim=1) == 0).double().mean()),
        "substitutions": words.substitutions / length,
        "deletions": words.deletions / length,
        "insertions": words.insertions / length,
    }


def _rate(edits: Edits) -> float:
    errors = edits.substitutions + edits.deletions + edits.insertions
    return errors / edits.length if edits.length else float(errors > 0)

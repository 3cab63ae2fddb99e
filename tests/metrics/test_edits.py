"""Edit counts against the definition of the edit distance."""

import random

from suite.metrics.edits import count_edits


def slow_distance(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> int:
    if not reference or not hypothesis:
        return len(reference) + len(hypothesis)
    changed = slow_distance(reference[1:], hypothesis[1:]) + (reference[0] != hypothesis[0])
    return min(changed, slow_distance(reference[1:], hypothesis) + 1, slow_distance(reference, hypothesis[1:]) + 1)


def test_the_number_of_edits_is_minimal_and_the_kinds_add_up() -> None:
    generator = random.Random(0)
    for _ in range(150):
        reference = tuple(generator.choices("abc", k=generator.randint(0, 6)))
        hypothesis = tuple(generator.choices("abc", k=generator.randint(0, 6)))
        length, substitutions, deletions, insertions = count_edits(reference, hypothesis)
        assert substitutions + deletions + insertions == slow_distance(reference, hypothesis)
        assert length == len(reference)
        assert len(reference) - deletions + insertions == len(hypothesis)

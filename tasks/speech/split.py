"""Who trains, who validates, who is tested: as the files say, else drawn, by speaker where speakers are known."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from suite.errors import UserError
from tasks.speech.utterances import Utterance

PARTS = ("train", "val", "test")


def assign(utterances: Sequence[Utterance], val_fraction: float, test_fraction: float, seed: int) -> list[Utterance]:
    """Every utterance with its part. What the files call test is tested, and so on; what is missing is drawn.

    Utterances without a split are for training. Where no utterance is in the test split, ``test_fraction`` of the
    training utterances are drawn for it, then ``val_fraction`` of the rest for validation; all utterances of a speaker
    go to one split. Raises UserError where a split remains empty.
    """
    given = [one._replace(part=one.part or "train") for one in utterances]
    for one in given:
        if one.part not in PARTS:
            raise UserError(f"{one.name}: the part {one.part!r} is not one of {', '.join(PARTS)}")
    for part, share in (("test", test_fraction), ("val", val_fraction)):
        if not any(one.part == part for one in given):
            given = _draw(given, part, share, seed)
    counts = Counter(one.part for one in given)
    for part in PARTS:
        if not counts[part]:
            raise UserError(
                f"the {part} part has no utterance (there are {len(given)} in all). Add recordings, or set "
                "data.val_fraction and data.test_fraction so that every part gets some"
            )
    return given


def _draw(utterances: list[Utterance], part: str, share: float, seed: int) -> list[Utterance]:
    """Move whole speakers, or single utterances where speakers are unknown, until the share is reached."""
    train = [one for one in utterances if one.part == "train"]
    by_speaker = len({one.speaker for one in train}) >= 3
    groups = Counter(one.speaker if by_speaker else one.name for one in train)
    random = np.random.RandomState(seed)  # the one generator whose stream NumPy promises never to change
    chosen: set[str] = set()
    wanted = share * len(train)
    for place in random.permutation(len(groups)):
        if sum(groups[name] for name in chosen) >= wanted:
            break
        chosen.add(sorted(groups)[place])
    return [
        one._replace(part=part) if one.part == "train" and (one.speaker if by_speaker else one.name) in chosen else one
        for one in utterances
    ]

"""Greedy CTC decoding."""

# B utterances, S positions, V number of units

from torch import Tensor

from tasks.speech.units import UNKNOWN


def greedy_ctc(log_probs: Tensor, lengths: Tensor) -> list[list[int]]:
    """Take the best unit at every position, then remove repeats and blanks: (B, S, V), (B,) -> units of each."""
    texts = []
    for path, length in zip(log_probs.argmax(dim=-1).tolist(), lengths.tolist(), strict=True):
        path = path[:length]
        collapsed = [unit for place, unit in enumerate(path) if place == 0 or unit != path[place - 1]]
        texts.append([unit for unit in collapsed if unit > UNKNOWN])
    return texts

"""The words of digits, and the config value that says how many digits an utterance has."""

import re

from suite.errors import UserError

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def parse_digits(text: str) -> tuple[int, int]:
    """Return the fewest and most digits of an utterance. Raises UserError for anything but a number or a range.

    >>> parse_digits("5"), parse_digits("3-7")
    ((5, 5), (3, 7))
    """
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    fewest, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= fewest <= most:
        raise UserError(f"data.digits must be a number such as 5 or a range such as 3-7, from 1 on, got {text!r}")
    return fewest, most

"""The error for invalid input, whose message is written for the user."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Invalid input. The message names the thing, the reason and the fix.

    The command line prints the message without a traceback and exits with code 2; ``--traceback`` shows the traceback.
    In Python it is an ordinary exception.
    """


def check_at_least(least: float, key: str, value: float) -> None:
    """Raise UserError if the value of the config key ``key`` is less than ``least``.

    >>> check_at_least(1, "data.batch_size", 0)
    Traceback (most recent call last):
    suite.errors.UserError: data.batch_size must be at least 1, got 0
    """
    if value < least:
        raise UserError(f"{key} must be at least {least}, got {value}")


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a hint for a message: the choice nearest to ``word``, and all valid choices.

    >>> did_you_mean("gta", ["gat", "gatv2"])
    " Did you mean 'gat'? Valid: gat, gatv2."
    """
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{hint} Valid: {', '.join(known)}." if known else hint

"""The one error a user is meant to read."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input, told in one message that names the thing, says why it is refused, and how to fix it.

    ``attn`` prints the message without a traceback and exits with code 2 (``debug=true`` shows the traceback). Code
    that is used as a library lets it pass like any other exception.
    """


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Name the valid choices, the nearest to ``word`` first: ``" Did you mean 'gat'? Valid: gat, gatv2."``."""
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{hint} Valid: {', '.join(known)}." if known else hint

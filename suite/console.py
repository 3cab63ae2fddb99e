"""Messages of a command and its worker processes."""

import logging
import sys


def quiet() -> None:
    """Print log messages as plain lines on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("suite", "tasks"):
        logging.getLogger(name).setLevel(logging.INFO)

"""What a command and its workers print."""

import logging
import sys
import warnings


def quiet() -> None:
    """Messages as plain lines on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("suite", "tasks"):
        logging.getLogger(name).setLevel(logging.INFO)
    warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")  # Lightning 2.6 on torch 2.12

"""What a command and its workers print."""

import logging
import sys
import warnings

LEAF_SPEC = r"`isinstance\(treespec, LeafSpec\)`"  # a FutureWarning of Lightning 2.6 on torch 2.12


def quiet() -> None:
    """Messages as plain lines on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("suite", "tasks"):
        logging.getLogger(name).setLevel(logging.INFO)
    warnings.filterwarnings("ignore", message=LEAF_SPEC, category=FutureWarning)

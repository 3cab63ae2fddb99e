"""Messages of a command and its worker processes."""

import logging
import sys
import warnings

LEAF_SPEC = r"`isinstance\(treespec, LeafSpec\)`"  # a FutureWarning of Lightning 2.6 on torch 2.12


def quiet() -> None:
    """Print log messages as plain lines on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("suite", "tasks"):
        logging.getLogger(name).setLevel(logging.INFO)


def ignore_deprecations() -> None:
    """Ignore the one warning that Lightning causes and a user cannot act on; called where Lightning is imported."""
    warnings.filterwarnings("ignore", message=LEAF_SPEC, category=FutureWarning)

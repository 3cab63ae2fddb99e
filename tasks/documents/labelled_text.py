"""One labelled text, as the readers yield it."""

from typing import NamedTuple


class LabelledText(NamedTuple):
    """A text with its label.

    Args:
        text: the document.
        label: name of its class.
        place: file and row, for messages.
        split: ``train``, ``val`` or ``test``; empty if the file does not state it.
        group: what validation documents must not share with training documents, for example the film that a review is
            about; empty for none.
    """

    text: str
    label: str
    place: str
    split: str = ""
    group: str = ""

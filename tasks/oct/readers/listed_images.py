"""Image files that a reader lists, read into scans of one size."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.data.class_names import sort_names
from tasks.oct.images import read_image
from tasks.oct.scans import Scans
from tasks.oct.view import View, look


class ListedImage(NamedTuple):
    """An image file of a data set.

    Args:
        path: of the file.
        label: name of its class.
        patient: whose eye it shows.
        split: train, val or test; empty if the files do not state it.
        place: file or row, for messages.
    """

    path: Path
    label: str
    patient: str
    split: str
    place: str


def read_images(
    images: Sequence[ListedImage],
    view: View,
    lesions: Callable[[Path, tuple[int, int]], np.ndarray] | None = None,
) -> Scans:
    """Read image files one after the other.

    ``lesions(path, size)`` returns the lesions (h, w) of a file whose image has the size (h, w). Raises UserError with
    the file for an image that cannot be read.
    """
    class_names = sort_names(image.label for image in images)
    pixels = np.empty((len(images), 1, view.height, view.width), dtype=np.uint8)
    masks = np.zeros((len(images), view.height, view.width), dtype=np.uint8)
    for number, image in enumerate(images):
        pixels[number, 0], frame = look(view, read_image(image.path))
        if lesions is not None:
            masks[number] = frame.view(lesions(image.path, frame.size), view.height, order=0)
    return Scans(
        pixels,
        np.array([class_names.index(image.label) for image in images], dtype=np.int64),
        np.array([image.patient for image in images]),
        np.array([image.split for image in images], dtype="<U5"),
        np.array([image.place for image in images]),
        masks,
        class_names,
    )

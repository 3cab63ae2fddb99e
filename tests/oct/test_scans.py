"""Scans in memory: how they are recognized, and their labels in the classes of a checkpoint."""

from dataclasses import replace

import numpy as np

from tasks.oct.scans import Scans


def make(names: list[str], patients: list[str]) -> Scans:
    pixels = np.arange(len(names) * 6, dtype=np.uint8).reshape(len(names), 1, 2, 3)
    texts = np.array(names)
    labels = np.arange(len(names)) % 2
    lesions = np.zeros((len(names), 2, 3), np.uint8)
    return Scans(pixels, labels, np.array(patients), np.full(len(names), ""), texts, lesions, ["CNV", "DME"])


def test_the_arrays_are_the_scans() -> None:
    scans = make(["a", "b", "c"], ["p", "p", "q"])
    assert Scans.of(scans.arrays()).content_hash() == scans.content_hash()


def test_a_moved_file_has_another_name_and_the_same_content() -> None:
    before = make(["x/a", "x/b", "x/c"], ["x/a", "x/b", "x/c"])  # each scan is its own patient, named after the file
    moved = make(["y/a", "y/b", "y/c"], ["y/a", "y/b", "y/c"])
    assert not np.isin(before.identities()[0], moved.identities()[0]).any()
    assert np.array_equal(before.identities()[1], moved.identities()[1])


def test_pixels_class_and_patient_are_content() -> None:
    scans = make(["a", "b", "c"], ["p", "p", "q"])
    contents = scans.identities()[1]
    pixels = scans.pixels.copy()
    pixels[1, 0, 0, 0] ^= 1
    for changed, which in (
        (replace(scans, pixels=pixels), [False, True, False]),
        (replace(scans, labels=np.array([0, 1, 1])), [False, False, True]),
        (replace(scans, patients=np.array(["q", "p", "q"])), [True, False, False]),
    ):
        assert (changed.identities()[1] != contents).tolist() == which


def test_labels_in_the_classes_of_a_checkpoint() -> None:
    scans = make(["a", "b", "c"], ["p", "p", "q"]).with_classes(["DME", "NORMAL"])
    assert scans.labels.tolist() == [-1, 0, -1]
    assert list(scans.class_names) == ["DME", "NORMAL"]

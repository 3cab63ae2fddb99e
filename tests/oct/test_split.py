"""Splits by patient: no overlap, classes in proportion, as good as scikit-learn's."""

import numpy as np
import pytest

from suite.data.draws import grouped_shares
from suite.data.splits import Split
from suite.errors import UserError
from tasks.oct.split import PatientSplit


def scans(number: int = 83, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and patients of uneven size; some patients have two classes."""
    random = np.random.default_rng(seed)
    own = random.integers(0, 3, number)
    sizes = random.integers(1, 9, number)
    patients = np.repeat(np.arange(number), sizes)
    labels = np.repeat(own, sizes)
    labels[random.random(len(labels)) < 0.03] = 1
    return labels, np.array([f"p{n}" for n in patients])


def test_parts_are_disjoint_in_scans_and_patients_and_complete() -> None:
    labels, patients = scans()
    parts = PatientSplit(val_fraction=0.2, test_fraction=0.3)(labels, np.full(len(labels), ""), patients)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    groups = [set(patients[part]) for part in parts]
    assert len(groups[0] | groups[1] | groups[2]) == sum(map(len, groups))
    assert abs(len(parts.test) / len(labels) - 0.3) < 0.03
    for part in parts:
        share = np.bincount(labels[part], minlength=3) / len(part)
        assert np.abs(share - np.bincount(labels) / len(labels)).max() < 0.08


def test_folds_are_as_even_as_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.model_selection")
    labels, patients = scans()
    ours = grouped_shares(labels, patients, np.full(5, 0.2), np.random.RandomState(0))
    theirs = np.empty_like(ours)
    folds = sklearn.StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for number, (_, test) in enumerate(folds.split(labels, labels, patients)):
        theirs[test] = number

    def unevenness(folds: np.ndarray) -> float:
        counts = np.stack([np.bincount(labels[folds == fold], minlength=3) for fold in range(5)])
        return float(counts.std(0).mean())

    assert unevenness(ours) <= unevenness(theirs) + 0.5


def test_every_scan_is_tested_in_one_fold() -> None:
    labels, patients = scans()
    tested = [
        PatientSplit(0.1, 0.2, folds=4, fold=fold)(labels, np.full(len(labels), ""), patients).test for fold in range(4)
    ]
    assert sorted(np.concatenate(tested).tolist()) == list(range(len(labels)))


def test_the_seed_decides() -> None:
    labels, patients = scans()
    empty = np.full(len(labels), "")
    hashes = [PatientSplit(0.1, 0.2, seed=seed)(labels, empty, patients).hash() for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_parts_of_the_files_are_kept() -> None:
    labels, patients = np.array([0, 1, 0, 1, 0, 1]), np.arange(6).astype(str)
    parts = PatientSplit(0.1, 0.2)(labels, np.array(["train", "train", "val", "val", "test", "test"]), patients)
    assert [part.tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]


def test_a_patient_in_two_parts_is_an_error() -> None:
    labels, patients = np.array([0, 1, 0, 1]), np.array(["a", "b", "c", "a"])
    with pytest.raises(UserError, match="patient a has items in train and test"):
        PatientSplit(0.1, 0.2)(labels, np.array(["train", "train", "val", "test"]), patients)


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(UserError, match="split is empty: 2 items in 2 groups"):
        PatientSplit(0.1, 0.2)(np.array([0, 1]), np.full(2, ""), np.array(["a", "b"]))


@pytest.mark.parametrize(
    "arguments", [{"val_fraction": 0.0}, {"test_fraction": 1.5}, {"folds": 1}, {"folds": 3, "fold": 3}]
)
def test_impossible_splits_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(UserError):
        PatientSplit(**({"val_fraction": 0.1, "test_fraction": 0.2} | arguments))  # type: ignore[arg-type]


def test_the_hash_tells_parts_apart() -> None:
    a, b = np.array([0, 1]), np.array([2])
    assert Split(a, b, b).hash() != Split(b, a, b).hash()

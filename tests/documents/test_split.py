"""Parts are disjoint, stratified, seeded, and leave groups whole."""

import numpy as np
import pytest

from suite.errors import UserError
from tasks.documents.split import DocumentSplit

LABELS = np.array(["a"] * 53 + ["b"] * 31 + ["c"] * 17)
NONE = np.full(len(LABELS), "")


def test_without_parts_all_three_are_drawn_in_proportion() -> None:
    parts = DocumentSplit(val_fraction=0.1, test_fraction=0.2)(LABELS, NONE, NONE)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(LABELS)))
    for label, number in (("a", 53), ("b", 31), ("c", 17)):
        assert abs((LABELS[parts.test] == label).sum() - 0.2 * number) <= 1


def test_the_seed_decides() -> None:
    one, same, other = (DocumentSplit(0.1, 0.2, seed=seed)(LABELS, NONE, NONE).hash() for seed in (1, 1, 2))
    assert one == same != other


def test_the_files_parts_are_kept_and_groups_stay_together() -> None:
    stated = np.array(["train"] * 80 + ["test"] * 21)
    groups = np.array([f"film {number // 7}" for number in range(101)])
    parts = DocumentSplit(val_fraction=0.3, test_fraction=0.2)(LABELS, stated, groups)
    assert (stated[parts.test] == "test").all()
    assert len(parts.test) == 21
    assert not set(groups[parts.train]) & set(groups[parts.val])
    assert 24 <= len(parts.val) <= 30


def test_every_document_is_tested_in_one_fold() -> None:
    folds = [DocumentSplit(0.1, 0.2, folds=4, fold=fold)(LABELS, NONE, NONE) for fold in range(4)]
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(len(LABELS)))
    sizes = [[(LABELS[fold.test] == label).sum() for label in "abc"] for fold in folds]
    assert np.ptp(np.array(sizes), axis=0).max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 5, "fold": 5}, "data.fold from 0 to data.folds - 1, got 5 and 5"),
        ({"folds": 1}, "data.folds must be at least 2"),
        ({"val_fraction": 1.5}, "val_fraction must be between 0 and 1, for example 0.1, got 1.5"),
        ({"test_fraction": 0.0}, "test_fraction must be between 0 and 1, for example 0.1, got 0.0"),
    ],
)
def test_what_is_no_split_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        DocumentSplit(**({"val_fraction": 0.1, "test_fraction": 0.2} | options))  # type: ignore[arg-type]


def test_too_few_documents_are_told() -> None:
    with pytest.raises(UserError, match="split is empty: 2 items in 1 groups are not enough"):
        DocumentSplit(0.1, 0.2)(np.array(["a", "b"]), np.array(["", ""]), np.array(["", ""]))

"""Bags of scans."""

import numpy as np

from tasks.oct.batch import Bags


def test_bags_hold_all_scans_of_a_patient_and_class() -> None:
    patients, labels = np.array(["b", "a", "b", "c", "b", "a"]), np.array([0, 1, 0, 1, 1, 1])
    bags = Bags.of_patients(np.array([0, 1, 2, 4, 5]), patients, labels)
    members, lengths = bags.gather(np.arange(len(bags)))
    assert members.tolist() == [1, 5, 0, 2, 4]
    assert lengths.tolist() == [2, 2, 1]
    assert [one.tolist() for one in bags.gather(np.array([2, 0]))] == [[4, 1, 5], [1, 2]]

"""The order of class names, and of other names that may be numbers."""

from collections.abc import Iterable


def sort_names(names: Iterable[str]) -> list[str]:
    """Sort distinct names: as numbers if all are whole numbers, else as text. All tasks number their classes so.

    >>> sort_names({"10", "2", "1"})
    ['1', '2', '10']
    >>> sort_names({"10", "2", "b"})
    ['10', '2', 'b']
    """
    distinct = set(names)
    if all(name.isdecimal() for name in distinct):
        return sorted(distinct, key=lambda name: (int(name), name))
    return sorted(distinct)

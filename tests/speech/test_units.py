"""Characters and words."""

from tasks.speech.units import EOS, UNKNOWN, Characters, Words


def test_runs_of_spaces_are_one_space() -> None:
    assert Characters.split(" a  b ") == ["a", " ", "b"]
    assert Words.split(" a  b ") == ["a", "b"]


def test_special_units_are_not_part_of_a_text() -> None:
    units = Words.learn(["two one"])
    assert units.decode([EOS, 4, UNKNOWN, 3]) == "two one"
    assert units.words([EOS, 4, UNKNOWN, 3]) == [[1], [3]]

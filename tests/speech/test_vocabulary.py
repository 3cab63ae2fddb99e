"""Units of all kinds encode texts, decode them, and are restored from facts."""

import json

import pytest

from suite.errors import UserError
from tasks.speech.units import UNKNOWN
from tasks.speech.vocabulary import learn_units, units_from_facts


@pytest.mark.parametrize("kind", ["characters", "words", "subwords"])
def test_units_encode_and_decode_texts_and_are_restored_from_facts(kind: str) -> None:
    texts = ["THE CAT SAT", "A CAT", "ON THE MAT THE CAT", "THAT CAT"] * 5
    units = learn_units(kind, texts, 18)
    for again in (units, units_from_facts(json.loads(json.dumps(units.facts())))):
        for text in texts:
            numbers = again.encode(text)
            assert UNKNOWN not in numbers
            assert again.decode(numbers) == text
            assert [again.decode([numbers[n] for n in word]) for word in again.words(numbers)] == text.split()
    assert UNKNOWN in units.encode("ZEBRA")
    with pytest.raises(UserError, match="Did you mean 'words'"):
        learn_units("word", texts, 5)

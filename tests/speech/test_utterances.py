"""Hashes of content and split."""

from tasks.speech.utterances import content_hash, split_hash
from tests.speech.conftest import utterance


def test_the_content_hash_depends_on_text_and_order_but_not_on_split_and_location() -> None:
    ones = [utterance("a"), utterance("b")]
    assert content_hash(ones) == content_hash([one._replace(split="val", paths=("elsewhere",)) for one in ones])
    assert content_hash(ones) != content_hash(ones[::-1])
    assert content_hash(ones) != content_hash([utterance("a", text="x"), utterance("b")])


def test_the_split_hash_depends_on_the_split_but_not_on_the_order() -> None:
    ones = [utterance("a", split="train"), utterance("b", split="val")]
    assert split_hash(ones) == split_hash(ones[::-1]) != split_hash([one._replace(split="test") for one in ones])

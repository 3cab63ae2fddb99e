"""Generated reviews."""

from pathlib import Path

from tasks.documents.synthetic import CLASS_WORDS, SyntheticReviews


def test_one_word_determines_the_class(tmp_path: Path) -> None:
    reader = SyntheticReviews(num_documents=23, num_classes=3, seed=1)
    files = reader.resolve(tmp_path)
    reviews = list(reader.read(files))
    assert reviews == list(reader.read(files))
    assert reviews != list(SyntheticReviews(23, 3, seed=2).read(files))
    assert (len(reviews), reviews[-1].text) == (23, "")
    for number, review in enumerate(reviews[:-1]):
        words = review.text.lower().replace(".", "").split()
        assert [word for word in words if word in CLASS_WORDS] == [CLASS_WORDS[number % 3]]
        assert review.label == f"class {number % 3}"


def test_there_are_at_most_five_classes() -> None:
    assert SyntheticReviews(10, 9, 0).num_classes == 5

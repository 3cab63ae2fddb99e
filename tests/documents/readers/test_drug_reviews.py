"""The drug reviews."""

import zipfile
from pathlib import Path

from suite.data.source import Source
from tasks.documents.readers.drug_reviews import DrugReviews


def test_the_archive_is_read_in_its_split(tmp_path: Path) -> None:
    (tmp_path / "drug_reviews").mkdir()
    with zipfile.ZipFile(tmp_path / "drug_reviews/drugsCom.zip", "w") as archive:
        for split in ("Train", "Test"):
            row = '7\tA\tB\t"""It didn&#039;t help."""\tnegative\tMay 1, 2012\t3\n'
            archive.writestr(f"drugsCom{split}.tsv", "\tdrugName\tcondition\treview\trating\tdate\tusefulCount\n" + row)
    reader = DrugReviews(Source("drug_reviews", "drug_reviews", {"drugsCom.zip": None}))
    found = [(text.text, text.label, text.split) for text in reader.read(reader.resolve(tmp_path))]
    assert found == [("It didn't help.", "negative", "train"), ("It didn't help.", "negative", "test")]

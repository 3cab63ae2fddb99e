"""MovieLens: the original files and the wheel give the same histories."""

import hashlib
from pathlib import Path

import numpy as np

from suite.config.compose import compose
from suite.data.source import Resolved
from suite.training.build import build_data, instantiate


def test_the_original_files_and_the_wheel_have_one_content_hash(data_dir: Path, tmp_path: Path) -> None:
    """The files of the wheel are rebuilt from the original files, byte for byte, and read."""
    data = instantiate(compose(["task=recommender"])["data"], "data")
    raw = data_dir / "ml-100k"
    rows = [line.split("|") for line in (raw / "u.item").read_text(encoding="latin-1").split("\n") if line]
    genres = [line.split("|")[0] for line in (raw / "u.genre").read_text().split("\n") if line.strip()]
    files = data.reader.source.wheel.files
    (tmp_path / "ml-100k.inter").write_bytes(
        b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + (raw / "u.data").read_bytes()
    )
    people = (raw / "u.user").read_text().replace("|", "\t")
    head = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    (tmp_path / "ml-100k.user").write_text(head + people)
    for name in ("ml-100k.inter", "ml-100k.user"):
        content = (tmp_path / name).read_bytes()
        assert files[name] in {hashlib.sha256(c).hexdigest() for c in (content, content.rstrip(b"\n"))}, name
    films = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    for row in rows:
        title, _, year = row[1].strip().rpartition(" (")
        words = " ".join(genre for genre, flag in zip(genres, row[5:], strict=True) if flag == "1")
        known = "unkonwn\tunkonwn" if row[1] == "unknown" else f"{title}\t{year[:-1]}"
        films.append(f"{row[0]}\t{known}\t{words}")
    (tmp_path / "ml-100k.item").write_text("\n".join(films), encoding="utf-8")
    local = data.reader.read(data.reader.resolve(data_dir))
    wheel = data.reader.read(Resolved("wheel", tmp_path, tmp_path, "a test"))
    assert local.content_hash() == wheel.content_hash()
    assert (local.num_users, local.num_items, len(local.items)) == (943, 1682, 100_000)
    assert local.titles[:2] == ("Toy Story (1995)", "GoldenEye (1995)")
    assert local.traits[0] == ("age group 1", "M", "technician")


def test_ml_1m_has_the_published_sizes(data_dir: Path) -> None:
    data = build_data(compose(["task=recommender", "data=recommender/ml-1m", f"data.dir={data_dir}"]))
    found = data.provenance()
    assert (found["num_users"], found["num_items"], found["num_events"]) == (6040, 3416, 999_611)
    assert (found["num_val"], found["num_test"], found["num_train"]) == (6040, 6040, 999_611 - 3 * 6040)
    assert np.diff(data.histories.offsets).min() >= 3

"""One archive that holds all files: each is checked by its own hash, nothing else is kept."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from suite.data.own_files import hash_tree
from suite.data.resolve import resolve
from suite.data.source import FileSet
from suite.errors import UserError
from tests.data.conftest import CONTENT


def zipped(path: Path, content: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"a folder/{name}", data)
            archive.writestr(f"__MACOSX/a folder/._{name}", b"resources")
        archive.writestr("a folder/readme.txt", b"not asked for")


def tarred(path: Path, content: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(f"./deep/er/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_its_files_are_kept_and_nothing_else(source, tmp_path: Path, server, pack: Callable[..., None]) -> None:
    pack(server.folder / "all.bin", CONTENT)
    url = server.url.format(file="all.bin")
    found = resolve(source(url), tmp_path / "data")
    assert found.sha256 == source().files
    assert found.origin == url
    assert server.asked == ["/all.bin"]
    assert sorted(p.name for p in (tmp_path / "data").rglob("*") if p.is_file()) == sorted(CONTENT)


def test_a_file_that_is_there_stays_as_it_is(source, local: Path, server) -> None:
    (local / "small/raw/b.txt").unlink()
    before = (local / "small/raw/a.txt").stat().st_mtime_ns
    zipped(server.folder / "all.zip", CONTENT)
    resolve(source(server.url.format(file="all.zip")), local)
    assert (local / "small/raw/a.txt").stat().st_mtime_ns == before
    assert (local / "small/raw/b.txt").read_bytes() == CONTENT["b.txt"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({**CONTENT, "b.txt": b"changed"}, "b.txt in the archive is not the published file"),
        ({"a.txt": CONTENT["a.txt"]}, "the archive has no b.txt"),
        (None, "not a complete archive"),
    ],
    ids=["changed", "missing", "cut off"],
)
def test_another_archive_is_reported(source, tmp_path: Path, server, content: dict[str, bytes] | None, reason) -> None:
    path = server.folder / "all.zip"
    zipped(path, content or CONTENT)
    if content is None:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=reason):
        resolve(source(server.url.format(file="all.zip")), tmp_path / "data")
    assert not list((tmp_path / "data").rglob("b.txt"))


def test_a_member_cannot_leave_its_folder(source, tmp_path: Path, server) -> None:
    with tarfile.open(server.folder / "all.bin", "w:gz") as archive:
        for name, data in CONTENT.items():
            member = tarfile.TarInfo(f"../../{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    resolve(source(server.url.format(file="all.bin")), tmp_path / "data")
    outside = [path for path in tmp_path.rglob("*.txt") if not path.is_relative_to(tmp_path / "data/small/raw")]
    assert [path for path in outside if server.folder not in path.parents] == []


@pytest.mark.parametrize("wrong", [{}, {"b.wav": b"x"}, {"d.wav": b"4"}], ids=["as published", "changed", "more"])
def test_a_set_of_files_is_unpacked_only_if_all_are_as_published(
    source, tmp_path: Path, server, wrong: dict[str, bytes]
) -> None:
    published = {"a.wav": b"1", "b.wav": b"2", "c.wav": b"3"}
    (tmp_path / "published/sounds").mkdir(parents=True)
    for name, data in published.items():
        (tmp_path / "published/sounds" / name).write_bytes(data)
    paths = sorted((tmp_path / "published/sounds").iterdir())
    file_set = FileSet("sounds/*.wav", hash_tree(tmp_path / "published", paths))
    sounds = {f"sounds/{name}": data for name, data in {**published, **wrong}.items()}
    tarred(server.folder / "all.bin", CONTENT | sounds)
    wanted = replace(source(server.url.format(file="all.bin")), file_set=file_set)
    if wrong:
        with pytest.raises(UserError, match=r"the files sounds/\*\.wav in the archive are not the published ones"):
            resolve(wanted, tmp_path / "data")
        assert not list((tmp_path / "data").rglob("*.wav"))
    else:
        folder = resolve(wanted, tmp_path / "data").folder
        assert {path.name: path.read_bytes() for path in (folder / "sounds").iterdir()} == published


def test_a_member_of_a_set_cannot_leave_its_folder(source, tmp_path: Path, server) -> None:
    tarred(server.folder / "all.bin", CONTENT | {"x/../../outside.wav": b"1"})
    wanted = replace(source(server.url.format(file="all.bin")), file_set=FileSet("*/*/*.wav", hash_tree(tmp_path, [])))
    resolve(wanted, tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.wav"))

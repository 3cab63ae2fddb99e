"""One archive that holds all files: each is checked by its own hash, nothing else is kept."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from suite.data.resolve import resolve
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
        ({"a.txt": CONTENT["a.txt"]}, "holds no b.txt"),
        (None, "no whole archive"),
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

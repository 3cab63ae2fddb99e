"""Files that a run or a sweep wrote, read as what anyone may have written: in bounded memory, with one error."""

import json
import os
from pathlib import Path
from typing import Any

from suite.errors import UserError

__all__ = ["check_links", "read_json", "read_text", "read_yaml"]

MAX_BYTES = 64 << 20
MAX_YAML = 1 << 20


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object. Raises UserError, naming the file, for any other."""
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is not JSON ({_reason(error)})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: it holds no object")
    return content


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file that holds a mapping, of plain values. Raises UserError for any other."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Without merge keys, by which a small file describes millions of values."""

        def flatten_mapping(self, node: Any) -> None:
            if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
                raise yaml.YAMLError("merge keys are not read")

    try:
        content = yaml.load(read_text(path, MAX_YAML), Loader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise UserError(f"{path} is damaged: it is not YAML of plain values ({_reason(error)})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: it holds no keys")
    return content


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """Return the text of a file of at most ``most`` bytes. Raises UserError if it cannot be read or is larger."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is not a file")
    try:
        with path.open("rb") as stream:
            content = stream.read(most + 1)
        if len(content) > most:
            raise UserError(f"{path} is damaged: it has more than {most >> 20} MiB")
        return content.decode("utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is damaged: it is not UTF-8 text") from error


def check_links(folder: Path) -> None:
    """Raise UserError if a link in the folder leads out of it: what is written there would land elsewhere."""
    root = folder.resolve()
    for parent, folders, files in os.walk(root):
        for path in (Path(parent, name) for name in (*folders, *files)):
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise UserError(
                    f"{folder / path.relative_to(root)} is a link that leads out of {folder}; put the file itself there"
                )


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return " ".join(str(error).split())[:120]

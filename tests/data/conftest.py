"""A web server, a package index and a data set of three small files, all on this machine."""

import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from suite.data.source import Source, Wheel

CLOSED = "http://127.0.0.1:9"  # the discard port, where nothing listens
CONTENT = {"a.txt": b"one", "b.txt": b"twenty-two", "c.txt": b""}
WHEEL_CONTENT = {"w.bin": b"the same in another form"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Server:
    url: str
    folder: Path
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            super().do_GET()

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as http:
        found = Server(f"http://127.0.0.1:{http.server_port}/{{file}}", folder)
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield found
        http.shutdown()
        thread.join()


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package index, whatever this machine's own settings say."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture
def own_index(no_index: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """A folder with one wheel stands for the index."""
    folder = tmp_path / "index"
    folder.mkdir()
    path = folder / "carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in WHEEL_CONTENT.items():
            archive.writestr(f"carrier/data/{name}", content)
        archive.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        archive.writestr(
            "carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("carrier-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    members = {f"carrier/data/{name}": sha256(content) for name, content in WHEEL_CONTENT.items()}
    return Wheel("carrier==1.0", sha256(path.read_bytes()), "small/wheel", members)


@pytest.fixture
def source() -> Callable[..., Source]:
    """Make a source of the three small files; its address is closed unless another is given."""

    def make(url: str | None = f"{CLOSED}/{{file}}", wheel: Wheel | None = None) -> Source:
        files = {name: sha256(content) for name, content in CONTENT.items()}
        return Source("small", "small/raw", files, url=url, wheel=wheel, homepage="https://example.org/small")

    return make


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A data directory that holds the three files."""
    folder = tmp_path / "data" / "small" / "raw"
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return tmp_path / "data"

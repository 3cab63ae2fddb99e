"""The optional C++ kernels: built at first use by the machine's compiler, cached, and loaded with ctypes."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

FOLDER = Path(__file__).with_name("kernels")
# No -ffast-math: NaN and infinity propagate, so that a run that diverges is detected.
NOT_BUILT = (
    "implementation='compiled' comes from a file, and its kernels are not built on this machine; build them by passing "
    "implementation=compiled yourself, or choose implementation=auto"
)
may_build: ContextVar[bool] = ContextVar("may_build", default=True)  # false while a checkpoint of a file is measured
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC")


def kernel(name: str, dtype: torch.dtype) -> Callable[..., None]:
    """A C function of ``kernels/*.cpp`` for float32 or float64. Raises ValueError as ``library``."""
    function: Callable[..., None] = getattr(library(), f"{name}_{'double' if dtype == torch.float64 else 'float'}")
    return function


def address(x: Tensor | None) -> int | None:
    """The address of a tensor's memory; None for None."""
    return None if x is None else x.data_ptr()


def pointers(*names: str) -> list[tuple[str, type]]:
    """Pointer fields of a C structure."""
    return [(name, ctypes.c_void_p) for name in names]


def draw_seed(p: float) -> int:
    """A seed of torch's generator for dropout in a kernel; draws nothing where ``p`` is 0."""
    return int(torch.randint(1 << 62, ())) if p else 0


def kernel_dtype(x: Tensor, *others: Tensor | None) -> torch.dtype:
    """The type in which a kernel computes ``x``: float64 or float32.

    Raises ValueError if ``x`` or one of the other tensors of the call is on another device than the CPU.
    """
    for tensor in (x, *others):
        if tensor is not None and tensor.device.type != "cpu":
            raise ValueError(f"implementation='compiled' needs tensors on the CPU, got {tensor.device}; use 'auto'")
    return torch.float64 if x.dtype == torch.float64 else torch.float32


@cache
def library() -> ctypes.CDLL:
    """The loaded kernels. The first call on a machine compiles them, which takes a few seconds.

    The compiled file is cached in ``SUITE_CACHE_DIR`` (default ``~/.cache/attention-suite``); its name is a hash of
    sources, flags, compiler and processor.

    Raises ValueError where no compiler is found, where it fails, and where the file cannot be written.
    """
    compiler = _compiler()
    path = _cached(compiler)
    if not path.exists():
        if not may_build.get():
            raise ValueError(NOT_BUILT)
        _build(compiler, path)
    return ctypes.CDLL(str(path))


def _cached(compiler: str) -> Path:
    """The compiled file of a compiler, which is identified by its file: no process starts to load what is cached."""
    found = Path(compiler).resolve()
    state = found.stat()
    files = sorted(FOLDER.glob("*.[ch]*"))
    identity = f"{found} {state.st_size} {state.st_mtime_ns}"
    key = "\n".join([*(file.read_text() for file in files), *FLAGS, identity, _processor()])
    folder = Path(os.environ.get("SUITE_CACHE_DIR") or Path.home() / ".cache" / "attention-suite")
    return folder / f"kernels-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"


def available() -> bool:
    """Return whether the kernels are built and can be loaded."""
    try:
        return _cached(_compiler()).exists()
    except ValueError:
        return False


def _compiler() -> str:
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "c++"]
    for name in names:
        if path := shutil.which(name):
            return path
    raise ValueError(
        f"implementation='compiled' needs a C++ compiler, and {', '.join(names)} was not found; install GCC 9 or "
        "newer, name it in the environment variable CXX, or use implementation='auto'"
    )


def _build(compiler: str, path: Path) -> None:
    """Compile into a temporary folder beside ``path``, then rename: concurrent processes never load half a file."""
    sources = [str(file) for file in sorted(FOLDER.glob("*.cpp"))]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            built = Path(folder) / path.name
            command = [compiler, *FLAGS, *sources, "-o", str(built)]
            subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            built.replace(path)
    except OSError as error:
        raise ValueError(
            f"the compiled kernels cannot be cached in {path.parent} ({error.strerror}); set SUITE_CACHE_DIR to a "
            "writable folder, or use implementation='auto'"
        ) from error
    except subprocess.CalledProcessError as error:
        errors = [line for line in error.stderr.splitlines() if "error" in line] or [f"exit code {error.returncode}"]
        raise ValueError(
            f"{compiler} cannot build the compiled kernels: {errors[0].strip()}; name GCC 9 or newer in the "
            "environment variable CXX, or use implementation='auto'"
        ) from error


def _processor() -> str:
    """The processor that the code is compiled for: machines of several kinds may share a cache folder."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        return "\n".join(line for line in lines[: lines.index("")] if line.startswith(("model name", "flags", "CPU")))
    return f"{platform.machine()} {platform.processor()}"

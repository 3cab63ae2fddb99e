"""The optional compiled kernels: C++ files, built at first use by the machine's own compiler, and kept."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

FOLDER = Path(__file__).with_name("kernels")
# No -ffast-math: NaN and infinity stay what they are, so that a run that diverges is still seen.
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC")


def kernel(name: str, dtype: torch.dtype) -> Callable[..., None]:
    """A C function of ``kernels/*.cpp`` for float32 or float64; raises ValueError as ``library``."""
    function: Callable[..., None] = getattr(library(), f"{name}_{'double' if dtype == torch.float64 else 'float'}")
    return function


def address(x: Tensor | None) -> int | None:
    """Where a tensor's numbers stand; None for no tensor."""
    return None if x is None else x.data_ptr()


def pointers(*names: str) -> list[tuple[str, type]]:
    """Fields of a C structure."""
    return [(name, ctypes.c_void_p) for name in names]


def draw_seed(p: float) -> int:
    """A seed from torch's generator for dropout in a kernel; the generator stays as it is where nothing is dropped."""
    return int(torch.randint(1 << 62, ())) if p else 0


def served(x: Tensor) -> torch.dtype:
    """The type that a kernel computes in for ``x``: float64 or float32. Raises ValueError off a CPU."""
    if x.device.type != "cpu":
        raise ValueError(f"implementation='compiled' works on a CPU, got tensors on {x.device}; use 'auto'")
    return torch.float64 if x.dtype == torch.float64 else torch.float32


@cache
def library() -> ctypes.CDLL:
    """The kernels, built where no earlier run has left them: a few seconds, once.

    They are kept in ``SUITE_CACHE_DIR``, else in ``~/.cache/attention-suite``, by the hash of sources, flags, compiler
    and processor. Raises ValueError where there is no compiler, where it fails and where nothing can be kept.
    """
    compiler = _compiler()
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout  # noqa: S603
    files = sorted(FOLDER.glob("*.[ch]*"))
    key = "\n".join([*(file.read_text() for file in files), *FLAGS, version, _processor()])
    folder = Path(os.environ.get("SUITE_CACHE_DIR") or Path.home() / ".cache" / "attention-suite")
    path = folder / f"kernels-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if not path.exists():
        _build(compiler, path)
    return ctypes.CDLL(str(path))


def _compiler() -> str:
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "c++"]
    for name in names:
        if found := shutil.which(name):
            return found
    raise ValueError(
        f"implementation='compiled' needs a C++ compiler, and {', '.join(names)} cannot be found; install GCC 9 or "
        "newer, name it in the environment variable CXX, or use implementation='auto'"
    )


def _build(compiler: str, path: Path) -> None:
    """Compile beside ``path`` and move there: processes that start together each find a whole file."""
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
            f"the compiled kernels cannot be kept in {path.parent} ({error.strerror}); name a folder that can be "
            "written in SUITE_CACHE_DIR, or use implementation='auto'"
        ) from error
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if "error" in line] or [f"exit code {error.returncode}"]
        raise ValueError(
            f"{compiler} cannot build the compiled kernels: {said[0].strip()}; name GCC 9 or newer in the "
            "environment variable CXX, or use implementation='auto'"
        ) from error


def _processor() -> str:
    """What the code is made for: a folder may be shared by machines of several kinds."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        return "\n".join(line for line in lines[: lines.index("")] if line.startswith(("model name", "flags", "CPU")))
    return f"{platform.machine()} {platform.processor()}"

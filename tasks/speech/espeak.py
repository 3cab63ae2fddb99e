"""Speech synthesis by the C library espeak-ng, which runs in its own process."""

# N samples

import ctypes
import importlib.util
import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from suite.config.side_effects import check_allowed
from suite.errors import UserError

SAMPLE_RATE = 22050
SYNCHRONOUS, NO_EXIT = 2, 0x8000  # AUDIO_OUTPUT_SYNCHRONOUS; initialization returns an error instead of exiting
RATE, PITCH = 1, 3  # parameters of espeak_SetParameter
CHARACTERS, UTF8 = 1, 1  # arguments of espeak_Synth: positions are characters, the text is UTF-8
# The path without "" excludes the working directory, where a user may have a tasks.py.
WORKER = "import sys; sys.path = list(filter(None, sys.path)); from tasks.speech.espeak import main; main()"
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class SpokenText(NamedTuple):
    """A text, a voice such as ``en-us+f2``, words a minute (80 to 450), and a pitch (0 to 99)."""

    text: str
    voice: str
    rate: int
    pitch: int


def speak(texts: Sequence[SpokenText]) -> list[np.ndarray]:
    """Return the samples of some texts, float32 (N,) in [-1, 1] at ``SAMPLE_RATE``.

    The library has internal state, so the same text sounds different each time. Every call starts a new process;
    therefore equal arguments give equal samples.

    Raises:
        UserError: if the package ``espeakng-loader`` is not installed (an extra, because espeak-ng is GPL-3.0), or the
            library does not have a voice.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise UserError(
            "data=speech/synthetic_digits needs espeak-ng, which is not installed. Install it (GPL-3.0) with "
            "pip install 'attention-suite[speech-synthesis]', or use data=speech/synthetic, which needs nothing"
        )
    check_allowed("the recordings of data=speech/synthetic_digits are not in the cache, and espeak-ng makes them")
    done = subprocess.run(  # noqa: S603  all arguments are constants
        [sys.executable, "-c", WORKER],
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1]
        raise UserError(f"espeak-ng failed: {reason}. Try data=speech/synthetic")
    samples, place = [], 0
    for _ in texts:
        (count,) = struct.unpack_from("<q", done.stdout, place)
        samples.append(np.frombuffer(done.stdout, "<i2", count, place + 8).astype(np.float32) / 32768.0)
        place += 8 + 2 * count
    return samples


def release() -> str:
    """Return the name and version of the package, for the provenance."""
    from importlib.metadata import version

    return f"espeakng-loader {version('espeakng-loader')}"


def main() -> None:
    """In the other process: read texts as JSON from standard input, write for each its sample count and samples."""
    library, chunks = _start(), []

    def receive(samples: Any, count: int, _: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _Callback(receive)  # the reference has to live until the last text is spoken
    library.espeak_SetSynthCallback(callback)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    for text, voice, rate, pitch in json.load(sys.stdin):
        chunks.clear()
        if library.espeak_SetVoiceByName(voice.encode()):
            sys.exit(f"there is no voice {voice!r}")
        library.espeak_SetParameter(RATE, rate, 0)
        library.espeak_SetParameter(PITCH, pitch, 0)
        content = text.encode() + b"\0"
        library.espeak_Synth(content, len(content), 0, CHARACTERS, 0, UTF8, None, None)
        library.espeak_Synchronize()
        spoken = b"".join(chunks)
        sys.stdout.buffer.write(struct.pack("<q", len(spoken) // 2) + spoken)


def _start() -> Any:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), NO_EXIT)
    if rate != SAMPLE_RATE:
        sys.exit(f"it returned the sample rate {rate}, and {SAMPLE_RATE} was expected")
    return library

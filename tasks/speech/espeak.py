"""espeak-ng through its C interface, in a process of its own: text in, samples out."""

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

from suite.errors import UserError

SAMPLE_RATE = 22050
SYNCHRONOUS, NO_EXIT = 2, 0x8000  # AUDIO_OUTPUT_SYNCHRONOUS; initialisation that reports an error and goes on
RATE, PITCH = 1, 3  # parameters of espeak_SetParameter
CHARACTERS, UTF8 = 1, 1  # of espeak_Synth: a position in characters, a text in UTF-8
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Spoken(NamedTuple):
    """A text, in a voice such as ``en-us+f2``, at so many words a minute (80 to 450), at a pitch (0 to 99)."""

    text: str
    voice: str
    rate: int
    pitch: int


def speak(texts: Sequence[Spoken]) -> list[np.ndarray]:
    """The samples of some texts, float32 (N,) in [-1, 1] at ``SAMPLE_RATE``.

    The library remembers what it spoke before, and speaks a text a little differently every time; a fresh process for
    every call makes the same texts the same samples. Raises UserError where the package ``espeakng-loader`` is missing
    (an extra of its own because espeak-ng is GPL-3.0), and for a voice that it does not have.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise UserError(
            "synthetic digits are spoken by espeak-ng, which is not installed; add the extra: "
            "pip install -e '.[speech-synthesis]' (GPL-3.0), or use data=speech/synthetic, whose words are tones"
        )
    done = subprocess.run(
        [sys.executable, "-m", "tasks.speech.espeak"],
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"espeak-ng did not speak: {done.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    samples, place = [], 0
    for _ in texts:
        (count,) = struct.unpack_from("<q", done.stdout, place)
        samples.append(np.frombuffer(done.stdout, "<i2", count, place + 8).astype(np.float32) / 32768.0)
        place += 8 + 2 * count
    return samples


def release() -> str:
    """The package and its version, for the provenance."""
    from importlib.metadata import version

    return f"espeakng-loader {version('espeakng-loader')}"


def main() -> None:
    """In the other process: texts as JSON from standard input, samples to standard output, each behind their number."""
    library, chunks = _start(), []

    def receive(samples: Any, count: int, _: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _Callback(receive)  # kept alive until all is spoken
    library.espeak_SetSynthCallback(callback)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    for text, voice, rate, pitch in json.load(sys.stdin):
        chunks.clear()
        if library.espeak_SetVoiceByName(voice.encode()):
            sys.exit(f"it has no voice {voice!r}")
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
        sys.exit(f"it answered {rate} for its rate, {SAMPLE_RATE} was expected")
    return library


if __name__ == "__main__":
    main()

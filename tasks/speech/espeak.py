"""espeak-ng through its C interface: text in, samples out."""

# N samples

import ctypes
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from suite.errors import UserError

SYNCHRONOUS, NO_EXIT = 2, 0x8000  # AUDIO_OUTPUT_SYNCHRONOUS; initialisation that reports an error and goes on
RATE, PITCH = 1, 3  # parameters of espeak_SetParameter
CHARACTERS, UTF8 = 1, 1  # of espeak_Synth: a position in characters, a text in UTF-8
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Voice(NamedTuple):
    """A voice such as ``en-us+f2``, words a minute (80 to 450), pitch (0 to 99)."""

    name: str
    rate: int
    pitch: int


class Espeak:
    """The synthesiser of the package ``espeakng-loader``, an extra of its own because espeak-ng is GPL-3.0.

    Raises UserError where the package is missing or its library does not start.
    """

    rate: ClassVar[int] = 22050

    def __init__(self) -> None:
        self._library = _start()

    def speak(self, text: str, voice: Voice) -> np.ndarray:
        """The samples of a text, float32 (N,) in [-1, 1], at ``rate``; raises UserError for an unknown voice."""
        chunks: list[np.ndarray] = []

        def receive(samples: Any, count: int, _: Any) -> int:
            if samples and count > 0:
                chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        callback = _Callback(receive)  # kept alive until the text is spoken
        self._library.espeak_SetSynthCallback(callback)
        if self._library.espeak_SetVoiceByName(voice.name.encode()):
            raise UserError(f"espeak-ng has no voice {voice.name!r}; `espeak-ng --voices` lists those it has")
        self._library.espeak_SetParameter(RATE, voice.rate, 0)
        self._library.espeak_SetParameter(PITCH, voice.pitch, 0)
        content = text.encode() + b"\0"
        self._library.espeak_Synth(content, len(content), 0, CHARACTERS, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate([np.zeros(0, np.int16), *chunks]).astype(np.float32) / 32768.0

    @staticmethod
    def release() -> str:
        """The package and its version, for the provenance."""
        from importlib.metadata import version

        return f"espeakng-loader {version('espeakng-loader')}"


@lru_cache(maxsize=1)
def _start() -> Any:
    """The library, started once a process."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise UserError(
            "synthetic digits are spoken by espeak-ng, which is not installed; add the extra: "
            "pip install -e '.[speech-synthesis]' (GPL-3.0), or use data=speech/synthetic, whose words are tones"
        ) from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), NO_EXIT)
    if rate != Espeak.rate:
        raise UserError(f"espeak-ng did not start: it answered {rate} for its rate, {Espeak.rate} was expected")
    return library

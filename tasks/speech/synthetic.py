"""Speech that needs no recordings: digits by a synthesiser, and words of tones."""

# N samples

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.source import Resolved
from tasks.speech.espeak import SAMPLE_RATE, Spoken, release, speak
from tasks.speech.features import Frontend, LogMel
from tasks.speech.readers.fsdd import WORDS, parse_digits
from tasks.speech.sound import resample
from tasks.speech.utterances import Utterance

PAUSE = 0.06  # seconds behind a word of tones
VOICES = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+klatt2")


class Made:
    """A reader whose recordings are made, not read: samples by the utterance's name, kept in memory."""

    def __init__(self) -> None:
        self._made: dict[str, np.ndarray] = {}

    def resolve(self, data_dir: Path | str) -> Resolved:
        """Nothing to find."""
        return Resolved("generated", Path(data_dir), Path(data_dir), "generated")

    def recording(self, utterance: Utterance, frontend: Frontend) -> np.ndarray:
        """What was made when the utterances were read, in [-1, 1]."""
        return self._made[utterance.name].astype(np.float32) / 32767.0

    def keep(self, name: str, samples: np.ndarray) -> None:
        """Keep samples in 16 bits, as a file would."""
        self._made[name] = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)


class Tones(Made):
    """Words of two tones, a pair of its own for each: what a network must learn in seconds. For tests."""

    def __init__(self, num_utterances: int, num_words: int, longest: int, seed: int) -> None:
        super().__init__()
        self.num_utterances, self.num_words, self.longest, self.seed = num_utterances, num_words, longest, seed

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Utterances of one word and more."""
        random = np.random.RandomState(self.seed)
        rate = rate_of(frontend)
        for number in range(self.num_utterances):
            words = random.randint(self.num_words, size=random.randint(1, self.longest + 1))
            samples = np.concatenate([_tone(int(word), rate, random) for word in words])
            name = f"tones-{number}"
            self.keep(name, samples + random.normal(0.0, 0.002, len(samples)))
            part = "val" if number % 5 == 0 else "test" if number % 5 == 1 else "train"
            yield Utterance(name, (), " ".join(WORDS[word] for word in words), "", part, len(samples) / rate)

    def options(self) -> dict[str, Any]:
        """What decides the content."""
        return {"num_utterances": self.num_utterances, "num_words": self.num_words, "seed": self.seed}


class SpokenDigits(Made):
    """Strings of digits spoken by espeak-ng in many voices, at many rates and pitches, with noise.

    Voices are speakers: each is wholly in one part. ``noise`` is the greatest amplitude of white noise; half of the
    utterances have less than a half of it.
    """

    def __init__(self, num_utterances: int, digits: str, noise: float, seed: int) -> None:
        super().__init__()
        self.num_utterances, self.digits, self.noise, self.seed = num_utterances, digits, noise, seed
        self.fewest, self.most = parse_digits(digits)

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Speak them; raises UserError where the synthesiser is missing."""
        random = np.random.RandomState(self.seed)
        rate = rate_of(frontend)
        voices = [voice + variant for voice in VOICES for variant in VARIANTS]
        texts = [self._draw(voices, random) for _ in range(self.num_utterances)]
        for number, (text, spoken) in enumerate(zip(texts, speak(texts), strict=True)):
            samples = resample(spoken, SAMPLE_RATE, rate) * random.uniform(0.3, 1.0)
            samples = samples + random.normal(0.0, 1.0, len(samples)) * random.uniform(0.0, self.noise)
            name = f"digits-{number}"
            self.keep(name, samples)
            yield Utterance(name, (), text.text, text.voice, "", len(samples) / rate)

    def options(self) -> dict[str, Any]:
        """What decides the content."""
        names = ("num_utterances", "digits", "noise", "seed")
        return {**{name: getattr(self, name) for name in names}, "synthesiser": release()}

    def _draw(self, voices: Sequence[str], random: np.random.RandomState) -> Spoken:
        words = random.randint(10, size=random.randint(self.fewest, self.most + 1))
        voice = voices[random.randint(len(voices))]
        return Spoken(" ".join(WORDS[word] for word in words), voice, random.randint(120, 220), random.randint(25, 75))


def rate_of(frontend: Frontend) -> int:
    """Samples a second that a front end takes; raises TypeError for one that takes no samples."""
    if not isinstance(frontend, LogMel):
        raise TypeError(
            "synthetic speech is a waveform, which data.frontend must take: use tasks.speech.features.LogMel"
        )
    return frontend.rate


def _tone(word: int, rate: int, random: np.random.RandomState) -> np.ndarray:
    time = np.arange(int(rate * random.uniform(0.12, 0.2))) / rate
    envelope = np.minimum(1.0, 20.0 * np.minimum(time, time[-1] - time))
    low, high = 300.0 + 150.0 * word, 1500.0 + 400.0 * word
    samples = 0.3 * envelope * (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time))
    return np.pad(samples, (0, int(PAUSE * rate)))

"""Generated speech: words of two tones, and digits spoken by a synthesizer."""

# N samples

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from suite.data.readers import GeneratedReader
from suite.data.source import Resolved
from suite.errors import UserError
from tasks.speech.digits import WORDS, parse_digits
from tasks.speech.espeak import SAMPLE_RATE, SpokenText, release, speak
from tasks.speech.features import Frontend, LogMel
from tasks.speech.sound import resample
from tasks.speech.utterances import Utterance

PAUSE = 0.06  # seconds of silence after each word of tones
VOICES = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+klatt2")


class GeneratedRecordings(GeneratedReader):
    """Base of readers that generate recordings while they yield the utterances, and hold them in memory."""

    def __init__(self) -> None:
        self._samples: dict[str, np.ndarray] = {}

    def recording(self, utterance: Utterance, frontend: Frontend) -> np.ndarray:
        """Return the generated samples in [-1, 1]."""
        return self._samples[utterance.name].astype(np.float32) / 32767.0

    def store(self, name: str, samples: np.ndarray) -> None:
        """Store the samples of an utterance with 16 bits, as a sound file has."""
        self._samples[name] = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)


class Tones(GeneratedRecordings):
    """Words of two tones; a small network learns them within seconds. For tests and first steps.

    Args:
        num_utterances: in all splits.
        num_words: size of the vocabulary, at most 10.
        max_words: of an utterance.
        seed: of everything random.
    """

    def __init__(self, num_utterances: int, num_words: int, max_words: int, seed: int) -> None:
        super().__init__()
        self.num_utterances, self.num_words, self.max_words, self.seed = num_utterances, num_words, max_words, seed

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Generate and yield the utterances."""
        random = np.random.RandomState(self.seed)
        rate = waveform_rate(frontend)
        for number in range(self.num_utterances):
            words = random.randint(self.num_words, size=random.randint(1, self.max_words + 1))
            samples = np.concatenate([_tone(int(word), rate, random) for word in words])
            name = f"tones-{number}"
            self.store(name, samples + random.normal(0.0, 0.002, len(samples)))
            split = "val" if number % 5 == 0 else "test" if number % 5 == 1 else "train"
            yield Utterance(name, (), " ".join(WORDS[word] for word in words), "", split, len(samples) / rate)

    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("num_utterances", "num_words", "max_words", "seed")}


class SpokenDigits(GeneratedRecordings):
    """Strings of digits spoken by espeak-ng in 60 voices, at random rates and pitches, with noise.

    A voice is the speaker of its utterances, so all its utterances are in the same split.

    Args:
        num_utterances: in all splits.
        digits: number of digits in an utterance, such as ``5`` or ``3-7``; None for ``1-5``.
        noise: largest standard deviation of the white noise; that of an utterance is uniform from 0 to it.
        seed: of everything random.

    Raises:
        UserError: for ``digits`` that are not a number or a range.
    """

    def __init__(self, num_utterances: int, digits: str | int | None, noise: float, seed: int) -> None:
        super().__init__()
        self.digits = "1-5" if digits is None else str(digits)
        self.num_utterances, self.noise, self.seed = num_utterances, noise, seed
        self.fewest, self.most = parse_digits(self.digits)

    def read(self, files: Resolved, frontend: Frontend) -> Iterator[Utterance]:
        """Speak and yield the utterances. Raises UserError where the synthesizer is not installed."""
        random = np.random.RandomState(self.seed)
        rate = waveform_rate(frontend)
        voices = [voice + variant for voice in VOICES for variant in VARIANTS]
        texts = [self._random_text(voices, random) for _ in range(self.num_utterances)]
        for number, (text, spoken) in enumerate(zip(texts, speak(texts), strict=True)):
            samples = resample(spoken, SAMPLE_RATE, rate) * random.uniform(0.3, 1.0)
            samples = samples + random.normal(0.0, 1.0, len(samples)) * random.uniform(0.0, self.noise)
            name = f"digits-{number}"
            self.store(name, samples)
            yield Utterance(name, (), text.text, text.voice, "", len(samples) / rate)

    def options(self) -> dict[str, Any]:
        names = ("num_utterances", "digits", "noise", "seed")
        return {**{name: getattr(self, name) for name in names}, "synthesizer": release()}

    def _random_text(self, voices: Sequence[str], random: np.random.RandomState) -> SpokenText:
        words = random.randint(10, size=random.randint(self.fewest, self.most + 1))
        voice = voices[random.randint(len(voices))]
        text = " ".join(WORDS[word] for word in words)
        return SpokenText(text, voice, random.randint(120, 220), random.randint(25, 75))


def waveform_rate(frontend: Frontend) -> int:
    """Return the samples a second that a front end takes. Raises UserError for one that takes no waveform."""
    if not isinstance(frontend, LogMel):
        raise UserError(
            f"data.frontend must take waveforms, because synthetic speech has no files of {type(frontend).__name__}; "
            "set data.frontend._target_=tasks.speech.LogMel"
        )
    return frontend.rate


def _tone(word: int, rate: int, random: np.random.RandomState) -> np.ndarray:
    """Return the samples of one word: two tones of random duration with faded ends, and a pause."""
    time = np.arange(int(rate * random.uniform(0.12, 0.2))) / rate
    envelope = np.minimum(1.0, 20.0 * np.minimum(time, time[-1] - time))
    low, high = 300.0 + 150.0 * word, 1500.0 + 400.0 * word
    samples = 0.3 * envelope * (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time))
    return np.pad(samples, (0, int(PAUSE * rate)))

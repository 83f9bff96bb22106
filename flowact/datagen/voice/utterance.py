"""Spoken text with exact phone times, and what speaks it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from flowact.datagen.voice.phonemes import PAUSE, Phoneme
from flowact.timebase import SAMPLE_RATE

Signal = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Utterance:
    """Spoken text: `audio` float32 [samples] at 16 kHz and its phones in order."""

    audio: Signal
    phonemes: tuple[Phoneme, ...]

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / SAMPLE_RATE

    def trimmed(self) -> "Utterance":
        """The same speech without the pauses at its ends; unchanged when nothing is spoken."""
        spoken = [p for p in self.phonemes if p.label != PAUSE]
        if not spoken:
            return self
        start, end = spoken[0].start, spoken[-1].end
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        kept = (p for p in self.phonemes if start <= p.start and p.end <= end)
        shifted = tuple(Phoneme(p.label, p.start - start, p.end - start) for p in kept)
        return Utterance(self.audio[first:last], shifted)


class Voice(Protocol):
    """A speech synthesiser that knows when each phone begins and ends."""

    @property
    def name(self) -> str:
        """Name that `voice` finds it by, such as `flite:slt` or `espeak:en-us+f3`."""

    @property
    def language(self) -> str:
        """What it speaks, one of `flowact.datagen.voice.languages.LANGUAGES`."""

    def speak(self, text: str, tempo: float = 1.0) -> Utterance:
        """Speak `text`, `tempo` times as fast as usual."""

"""Synthetic speech with exact phone times: what a voice is and how to find one by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from flowact.synthesis.phonemes import PAUSE, Phoneme
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
        """What it speaks, one of `flowact.synthesis.languages.LANGUAGES`."""

    def speak(self, text: str, tempo: float = 1.0) -> Utterance:
        """Speak `text`, `tempo` times as fast as usual."""


FLITE_VOICES = ("flite:slt", "flite:rms", "flite:kal16", "flite:awb")
ESPEAK_VOICES = tuple(
    f"espeak:{accent}+{speaker}"
    for accent, speakers in (
        ("en-us", "f1 f2 f4 m1 m3 m5 m7 Andy Annie anika grandma grandpa klatt2 victor zac"),
        ("en", "f3 m2 m6 Alicia belinda caleb Michael norbert robert steph2 travis"),
        ("en-gb-x-rp", "m4 f2 linda"),
        ("en-gb-scotland", "f5 m8 Denis"),
    )
    for speaker in speakers.split()
)
FESTIVAL_VOICES = tuple(
    f"festival:{name}"
    for name in ["ked", "lp", "pc", "ona", "dita", "krb", "machac", "ph", "lj", "mv", "nsh", "nsk"]
)
HELD_OUT_VOICE = "flite:awb"
"""Never used for training data, so that an unknown speaker can be tested."""


def check_voices(names: Iterable[str]) -> None:
    """Raise a UserError that names the program or package that one of the voices lacks."""
    for name in names:
        voice(name)


@cache
def voice(name: str) -> Voice:
    """The voice called `engine:voice`, with engine `flite`, `espeak` or `festival`.

    Raises ValueError for an unknown engine and UserError when its program is not installed.
    """
    from flowact.synthesis.espeak import EspeakVoice
    from flowact.synthesis.festival import FestivalVoice
    from flowact.synthesis.flite import FliteVoice

    engine, _, variant = name.partition(":")
    if engine == "flite" and variant:
        return FliteVoice(variant)
    if engine == "espeak" and variant:
        return EspeakVoice(variant)
    if engine == "festival" and variant:
        return FestivalVoice(variant)
    raise ValueError(
        f"unknown voice {name!r}; expected flite:<voice>, espeak:<voice> or festival:<voice>"
    )

"""The voices of the data engine, and how to find one by name."""

from collections.abc import Iterable
from functools import cache

from flowact.datagen.voice.espeak import EspeakVoice
from flowact.datagen.voice.festival import FestivalVoice
from flowact.datagen.voice.flite import FliteVoice
from flowact.datagen.voice.utterance import Voice

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

"""The sound check: spoken digits, cut from one recording per language (ten slots of one second)."""

from __future__ import annotations

import io
import wave
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.design.media import read_audio

FOLDER = Path(__file__).parent / "sounds"
RATE = 16_000


def spoken(number: str, locale: str) -> bytes:
    """A WAV file (16 kHz, mono) in which the digits of `number` are read one by one."""
    slots = _slots(locale)
    return wave_file(np.concatenate([slots[int(digit)] for digit in number])[None], RATE)


def wave_file(samples: NDArray[np.floating[Any]], rate: int) -> bytes:
    """Samples [channels, length] from -1 to 1 as a WAV file of 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(len(samples))
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((samples.T * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return buffer.getvalue()


@cache
def _slots(locale: str) -> NDArray[np.float32]:
    """Samples of the ten digits: [10, 16000]."""
    audio = read_audio(FOLDER / f"digits-{locale}.flac", RATE, 10.0)
    slots: NDArray[np.float32] = audio[0].reshape(10, RATE)
    return slots

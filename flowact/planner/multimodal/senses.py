"""What the planner may hear and see: the last seconds of sound, and the portrait once."""

from __future__ import annotations

import io
from collections import deque
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.media.audio import to_wave
from flowact.timebase import SAMPLE_RATE

Speaker = Literal["viewer", "avatar"]
SECONDS: Final = 4
PICTURE_SIZE: Final = 256
_QUIET: Final = 0.003
"""Root mean square below which sound is not worth sending."""


class Senses:
    """The last four seconds of both voices.

    Args:
        picture: the portrait, uint8 RGB `[height, width, 3]`, or none.
    """

    def __init__(self, picture: NDArray[np.uint8] | None = None) -> None:
        self.picture = small_jpeg(picture) if picture is not None else b""
        self._heard: dict[Speaker, deque[NDArray[np.int16]]] = {
            "viewer": deque(),
            "avatar": deque(),
        }

    def hear(self, speaker: Speaker, sound: NDArray[np.int16]) -> None:
        """Append mono sound at 16 kHz and forget what is older than four seconds."""
        heard = self._heard[speaker]
        heard.append(sound)
        total = sum(map(len, heard))
        while heard and total - len(heard[0]) >= SECONDS * SAMPLE_RATE:
            total -= len(heard.popleft())

    def recording(self, speaker: Speaker) -> bytes:
        """Return what was heard last as WAV, or nothing if it was quiet."""
        heard = self._heard[speaker]
        if not heard:
            return b""
        sound = np.concatenate(heard)[-SECONDS * SAMPLE_RATE :]
        level = (
            float(np.sqrt(np.mean((sound.astype(np.float32) / 32768) ** 2))) if len(sound) else 0
        )
        return to_wave(sound.astype("<i2").tobytes()) if level > _QUIET else b""

    def forget(self) -> None:
        """Forget all that was heard."""
        for heard in self._heard.values():
            heard.clear()


def small_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture of 256 pixels as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).resize((PICTURE_SIZE, PICTURE_SIZE)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()

"""When the viewer speaks: voice activity from loudness, against a floor that follows the room.

Silero's network would tell voices from other sounds better, but its package needs torchaudio or
onnxruntime, neither of which this page otherwise has, and would bring PyTorch into the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.timebase import SAMPLE_RATE

WINDOW: Final = 320
"""Samples of one decision: 20 ms."""
ONSET_DB: Final = 12.0
RELEASE_DB: Final = 7.0
QUIETEST: Final = -75.0
LEAST_LEVEL: Final = -52.0
"""Decibels of full scale below which nothing is taken for a voice."""
ONSET_SECONDS: Final = 0.10
RELEASE_SECONDS: Final = 0.70
_RISE: Final = 0.02
_RISE_IN_SPEECH: Final = 0.0015
"""A sound that never pauses is no voice: in a quarter of a minute the floor has risen to it."""
_FALL: Final = 0.25


@dataclass(frozen=True)
class Activity:
    """What the detector has come to.

    Attributes:
        speaking: whether the viewer speaks.
        began, ended: whether that changed with the last packet.
        level: loudness in decibels of full scale.
    """

    speaking: bool
    began: bool
    ended: bool
    level: float


class VoiceActivity:
    """A detector for one microphone."""

    def __init__(self) -> None:
        self._floor, self._speaking = -55.0, False
        self._above = self._below = 0.0
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)

    def hear(self, samples: NDArray[np.float32]) -> Activity:
        """Take mono samples at 16 kHz, any number."""
        before, level = self._speaking, QUIETEST
        waiting = np.concatenate([self._rest, samples])
        whole = len(waiting) // WINDOW * WINDOW
        self._rest = waiting[whole:]
        for window in waiting[:whole].reshape(-1, WINDOW):
            level = _decibels(window)
            self._decide(level)
        return Activity(
            self._speaking, self._speaking and not before, before and not self._speaking, level
        )

    def _decide(self, level: float) -> None:
        rise = _RISE_IN_SPEECH if self._speaking else _RISE
        rate = _FALL if level < self._floor else rise
        self._floor += rate * (level - self._floor)
        threshold = self._floor + (RELEASE_DB if self._speaking else ONSET_DB)
        loud = level > max(threshold, LEAST_LEVEL)
        seconds = WINDOW / SAMPLE_RATE
        self._above = self._above + seconds if loud else 0.0
        self._below = 0.0 if loud else self._below + seconds
        if self._above >= ONSET_SECONDS:
            self._speaking = True
        elif self._below >= RELEASE_SECONDS:
            self._speaking = False


def _decibels(window: NDArray[np.float32]) -> float:
    power = float(np.mean(np.square(window, dtype=np.float64)))
    return max(10 * np.log10(power + 1e-12), QUIETEST)

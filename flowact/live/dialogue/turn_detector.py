"""When the viewer speaks: the voice detector's windows joined into turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.live.dialogue.silero import WINDOW, VoiceState, voice_probability
from flowact.timebase import SAMPLE_RATE

ONSET: Final = 0.5
RELEASE: Final = 0.35
"""Probabilities above which a voice begins, and below which it may have ended."""
ONSET_SECONDS: Final = 0.09
RELEASE_SECONDS: Final = 0.70
_WINDOW_SECONDS: Final = WINDOW / SAMPLE_RATE


@dataclass(frozen=True)
class TurnState:
    """What the detector has come to.

    Attributes:
        speaking: whether the viewer speaks.
        speech_started, speech_ended: whether that changed with the last packet.
        quiet: seconds since the last voice, while the viewer's turn lasts.
    """

    speaking: bool
    speech_started: bool
    speech_ended: bool
    quiet: float


class TurnDetector:
    """Turns of one microphone.

    Attributes:
        release_seconds: of silence that end a turn.
    """

    def __init__(self) -> None:
        self._state, self._speaking = VoiceState.start(), False
        self._above = self._below = 0.0
        self.release_seconds = RELEASE_SECONDS
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)

    def hear(self, samples: NDArray[np.float32]) -> TurnState:
        """Take mono samples at 16 kHz, any number."""
        before = self._speaking
        waiting = np.concatenate([self._rest, samples])
        whole = len(waiting) // WINDOW * WINDOW
        self._rest = waiting[whole:]
        for window in waiting[:whole].reshape(-1, WINDOW):
            probability, self._state = voice_probability(window, self._state)
            self._decide(probability)
        started, ended = self._speaking and not before, before and not self._speaking
        return TurnState(self._speaking, started, ended, self._below)

    def _decide(self, probability: float) -> None:
        voice = probability > (RELEASE if self._speaking else ONSET)
        self._above = self._above + _WINDOW_SECONDS if voice else 0.0
        self._below = 0.0 if voice else self._below + _WINDOW_SECONDS
        if self._above >= ONSET_SECONDS:
            self._speaking = True
        elif self._below >= self.release_seconds:
            self._speaking = False

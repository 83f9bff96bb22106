"""Hearing a viewer: collects what they say, has it written down in their pauses, and tells when they have finished."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.live.dialogue.turn_detector import TurnDetector, TurnState
from flowact.live.speech.recogniser import Recogniser

LONGEST_TURN_BYTES: Final = 60 * 32_000
BEFORE_ONSET_BYTES: Final = 12_800
"""Kept from before the onset, 0.4 s, or the first syllable would be missing."""
EARLY_SECONDS: Final = 0.2
"""Of silence, after which what was said is written down: it is often all."""
USUAL_WAIT: Final = 0.7
SHORT_WAIT: Final = 0.35
LONG_WAIT: Final = 1.3
"""Seconds of silence that end a turn: while its words are not known, when they end a sentence, when they do not."""
_ENDS: Final = re.compile(r"(?<!\.)[.!?。！？][\"'”’)]*$")
_GOES_ON: Final = re.compile(
    r"([,;:–—-]|\.\.\.|…|\b(and|or|but|because|so|the|an?|to|of|in|on|for|with|that|if|my|your|um|uh|er))\s*$",
    re.IGNORECASE,
)


class Listener:
    """One viewer's turns.

    Attributes:
        activity: what the detector said last.

    Args:
        recogniser: writes speech down.
        language: ISO 639-1 code it is told, or empty.
    """

    def __init__(self, recogniser: Recogniser | None, language: str = "") -> None:
        self._recogniser, self.language = recogniser, language
        self._detector = TurnDetector()
        self.activity = TurnState(False, False, False, 0.0)
        self._before = b""
        self._turn = bytearray()
        self._early: asyncio.Task[str] | None = None
        self._quiet = 0.0
        self._ended: list[asyncio.Task[str]] = []

    def hear(self, samples: NDArray[np.float32], packet: bytes) -> TurnState:
        """Take a packet, as samples and as it came."""
        self._detector.release_seconds = self._wait()
        activity = self.activity = self._detector.hear(samples)
        if activity.speech_started:
            self._turn = bytearray(self._before)
        if activity.speaking and len(self._turn) < LONGEST_TURN_BYTES:
            self._turn += packet
        self._before = (self._before + packet)[-BEFORE_ONSET_BYTES:]
        if activity.speech_ended:
            self._ended.append(self._early or self._write_down())
            self._early = None
        elif activity.speaking:
            self._consider_pause(activity.quiet)
        return activity

    async def said(self) -> str:
        """Return what was said in all turns that have ended and were not asked for; empty if nothing was.

        A turn that is asked for while its answer is given up stays, and counts with the next.

        Raises:
            UserError: it could not be written down; it is forgotten.
        """
        ended = list(self._ended)
        try:
            texts = [await asyncio.shield(task) for task in ended]
        except asyncio.CancelledError:
            raise
        except Exception:
            self._ended.clear()
            raise
        del self._ended[: len(ended)]
        return " ".join(text for text in texts if text)

    def close(self) -> None:
        """Forget everything that was said."""
        for task in (*self._ended, *filter(None, [self._early])):
            task.cancel()
        self._ended.clear()
        self._early = None
        self._turn.clear()
        self._before = b""

    def _consider_pause(self, quiet: float) -> None:
        """Have a pause's words written down; whoever speaks on makes them worthless."""
        early, voiced, self._quiet = self._early, quiet < self._quiet, quiet
        if early is not None and voiced:
            early.cancel()
            self._early = None
        elif (
            early is None and quiet >= EARLY_SECONDS and self._recogniser and self._recogniser.spare
        ):
            self._early = self._write_down()

    def _write_down(self) -> asyncio.Task[str]:
        task = asyncio.create_task(self._transcribe(bytes(self._turn)))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may ask
        return task

    async def _transcribe(self, pcm: bytes) -> str:
        if self._recogniser is None:
            return ""
        return await self._recogniser.transcribe(pcm, self.language)

    def _wait(self) -> float:
        early = self._early
        if early is None or not early.done() or early.cancelled() or early.exception():
            return USUAL_WAIT
        return patience(early.result())


def patience(text: str) -> float:
    """Return the silence in seconds that ends a turn with these words."""
    if _ENDS.search(text):
        return SHORT_WAIT
    return LONG_WAIT if _GOES_ON.search(text) else USUAL_WAIT

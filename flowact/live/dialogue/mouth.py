"""What the avatar says: one utterance at a time, each under an epoch of its own, stopped at once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.avatar.playback import PlaybackClock
from flowact.avatar.speech_feeder import SpeechFeeder
from flowact.errors import UserError
from flowact.live.dialogue.utterance import SpokenUtterance
from flowact.live.protocol import events
from flowact.serving.messages import Command, Interrupt, MediaSegment
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_LATENT

Signal = NDArray[np.float32]
Tell = Callable[[events.ServerEvent], None]
NOTHING: Final = "There is nothing to say in that."


class AvatarMouth:
    """One session's speech.

    Attributes:
        epoch: number of the newest utterance or interruption.
        utterance: what is being said, or was until a moment ago.
        speaks: whether speech is on its way to the viewer.

    Args:
        session: its name.
        command: passes a command to the worker.
        tell: tells the viewer.
        flush: throws away what waits to be sent to the viewer.
        begun: called when speech begins, before its first sound is fed: the action should be in time.
        now: seconds of a monotonic clock.
    """

    def __init__(
        self,
        session: str,
        command: Callable[[Command], None],
        tell: Tell,
        flush: Callable[[], None],
        begun: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._command, self._begun = session, command, begun
        self._tell, self._flush = tell, flush
        self.epoch = self._oldest = 0
        self.utterance: SpokenUtterance | None = None
        self.speaks = False
        self._feeder: SpeechFeeder | None = None
        self._playback, self._noted_ms = PlaybackClock(now), 0

    async def say(self, utterance: SpokenUtterance) -> None:
        """Feed an utterance, or the rest of one, under an epoch of its own that its first sound begins.

        Raises:
            UserError: there is no sound in it, or it could not be made.
        """
        asked = time.monotonic()
        self.utterance = utterance
        sounds = utterance.sounds()
        first = await anext(sounds, None)
        if first is None:
            raise UserError(NOTHING)
        took = round((time.monotonic() - asked) * 1e3) if utterance.source == "voice" else 0
        self.begin(took)
        self.speaks = True
        self._begun()
        self._noted_ms = 0
        feeder = self._feeder = SpeechFeeder(self._session, self.epoch, self._command)
        try:
            await feeder.feed(_chained(first, sounds))
        except Exception:
            await feeder.feed(_nothing())  # or the mouth would wait for the rest
            raise

    def begin(self, voice_ms: int = 0) -> int:
        """Begin an epoch that nothing is thrown away for; return its number."""
        self.epoch += 1
        item_id = str(self.epoch)
        self._tell(events.PlaybackStarted(item_id=item_id, epoch=self.epoch, voice_ms=voice_ms))
        return self.epoch

    def hush(self) -> SpokenUtterance | None:
        """Be silent at once: what was made before is not shown any more. Returns what was being said."""
        self.note_heard()
        self._playback.flush()
        stopped, self.utterance, self._feeder, self.speaks = self.utterance, None, None, False
        self.epoch += 1
        self._oldest = self.epoch
        self._flush()
        self._command(Interrupt(self._session, self.epoch))
        self._tell(events.PlaybackFlushed(epoch=self.epoch))
        return stopped

    def forget(self) -> None:
        """What was being said is lost."""
        if self.utterance is not None:
            self.utterance.close()
        self.utterance, self._feeder, self.speaks = None, None, False

    def wants(self, segment: MediaSegment) -> bool:
        """Whether a segment is still to be shown, or was made before an interruption."""
        return segment.epoch >= self._oldest

    def shown(self, segment: MediaSegment) -> SpokenUtterance | None:
        """Take note of a segment that is sent; return the utterance that is over with it, if one is."""
        self._playback.add(segment.epoch, voiced=segment.speaking)
        if segment.epoch < self.epoch:
            return None  # silence that was on its way when the speech was begun
        self.speaks = segment.speaking and not segment.finished
        if self._feeder is None or segment.epoch != self._feeder.epoch:
            return None
        self._feeder.spoken(segment)
        if self.utterance is not None and segment.speaking:
            self.utterance.sent(SAMPLES_PER_LATENT)
        self.note_heard()
        if not segment.finished:
            return None
        over, self.utterance, self._feeder = self.utterance, None, None
        if over is not None:
            over.heard_all()
        return over

    def note_heard(self) -> None:
        """Tell the utterance how much of it has been played: less than was sent, by what the viewer has in hand."""
        if self.utterance is None or self._feeder is None:
            return
        played = self._playback.played_ms(self._feeder.epoch)
        self.utterance.heard((played - self._noted_ms) * SAMPLE_RATE // 1000)
        self._noted_ms = played


async def _chained(first: Signal, rest: AsyncIterator[Signal]) -> AsyncIterator[Signal]:
    yield first
    async for sound in rest:
        yield sound


async def _nothing() -> AsyncIterator[Signal]:
    return
    yield

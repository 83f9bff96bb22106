"""An avatar session in one's own program: push sound, read pictures, interrupt."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from flowact.avatar.item import SpeechItem
from flowact.avatar.playback import PlaybackClock
from flowact.avatar.segment import AvatarSegment
from flowact.avatar.speech_feeder import SpeechFeeder
from flowact.conditioning.actions import ActionMatch, resolve
from flowact.errors import UserError
from flowact.media.resampler import StreamResampler
from flowact.planner import Decision, Observation, Planner, RuleBasedPlanner
from flowact.serving.messages import (
    Close,
    Codec,
    Command,
    Interrupt,
    KeyFrame,
    MediaSegment,
    SetAction,
)
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_LATENT

PLAN_SECONDS: Final = 0.2
Sound = bytes | NDArray[np.int16] | NDArray[np.float32]
MOST_SEGMENTS: Final[dict[Codec, int]] = {"raw": 12, "h264": 50, "jpeg": 50}
"""Segments kept for a program that does not read: two seconds of raw pictures (33 MB), eight of others."""


class AvatarSession:
    """One avatar that a program speaks with.

    `AvatarHost.open` makes sessions. `open_avatar` does so where only one is needed:

    ```python
    async with open_avatar(character="mira") as avatar:
        await avatar.push(pcm, rate=24_000)
        await avatar.finish()
        async for segment in avatar:
            show(segment.images, segment.sound)
            if segment.final:
                break
    ```

    Segments come in real time, also while nothing is said: the person then listens. One program at a
    time may iterate. All methods belong to the event loop in which the session was opened.

    Attributes:
        name: of the session.
        codec: of its frames.
        dropped: segments thrown away because the program did not read them in time.
        on_decision: is told whatever the planner chooses.

    Args:
        name, codec: see above.
        send: passes a command to the worker.
        closed: called once, at the end.
        planner: chooses actions, from the rules if it is not given.
    """

    def __init__(
        self,
        name: str,
        codec: Codec,
        send: Callable[[Command], None],
        closed: Callable[[], None] = lambda: None,
        planner: Planner | None = None,
    ) -> None:
        self.name, self.codec, self.dropped = name, codec, 0
        self._send, self._closed = send, closed
        self._segments: deque[AvatarSegment] = deque()
        self._arrived = asyncio.Event()
        self._ended, self._problem, self._wants_key = False, "", False
        self._epoch = self._oldest = 0
        self._clock = PlaybackClock()
        self._items: asyncio.Queue[SpeechItem] = asyncio.Queue()
        self._open: SpeechItem | None = None
        self._speaking: SpeechItem | None = None
        self._heard: SpeechItem | None = None  # the same, until its last segment has been played
        self._speech_feeder: SpeechFeeder | None = None
        self._resampler: StreamResampler | None = None
        self._feeding = asyncio.create_task(self._feed_forever())
        self._planner, self._began = planner or RuleBasedPlanner(), time.monotonic()
        self.on_decision: Callable[[Decision], None] = lambda _decision: None
        self._planning = asyncio.create_task(self._plan_forever())

    async def push(
        self, sound: Sound, rate: int = SAMPLE_RATE, item: str = "", text: str = ""
    ) -> None:
        """Append mono sound to the item that is open, or begin one.

        Items are spoken one after the other. Who pushes more than half a minute ahead waits here; what is
        pushed into an item that is then interrupted is dropped.

        Args:
            sound: 16-bit samples as bytes or int16, or float32 in [-1, 1].
            rate: samples per second, 8000 to 96000; the same for all of an item.
            item: names a new item; one is made up otherwise.
            text: what a new item says, where that is known: gestures are chosen from it.

        Raises:
            UserError: another rate, half a sample, or the session is over.
        """
        self._check_open()
        samples = to_float(sound)
        if self._open is None or self._open.closed:
            self._resampler = StreamResampler(rate)
            self._open = SpeechItem(item or secrets.token_hex(4), text)
            self._items.put_nowait(self._open)
        if self._resampler is None or self._resampler.rate != rate:
            raise UserError("The sound of one item has one rate; finish the item first.")
        await self._open.push(self._resampler.push(samples))

    async def finish(self) -> None:
        """End the item that is open: when its sound is over, the mouth shuts."""
        item, self._open = self._open, None
        if item is not None and self._resampler is not None:
            await item.push(self._resampler.finish())
            await item.finish()

    async def interrupt(self) -> int:
        """Be silent at once; return how much of the running item was heard, in milliseconds.

        Everything that waits is forgotten. The position is that of a program which plays segments as
        they come; it never exceeds the sound that was pushed.
        """
        return self.silence()

    def silence(self) -> int:
        """Do what `interrupt` does, outside of coroutines too."""
        played = self.played_ms()
        self._forget_speech()
        self._epoch += 1
        self._oldest = self._epoch
        self._segments.clear()
        self._clock.flush()
        if not self._ended:
            self._send(Interrupt(self.name, self._epoch))
        return played

    def act(self, text: str) -> ActionMatch:
        """Do something for some seconds, in words; return what the words were taken for."""
        self._check_open()
        self._observe(asked=text)
        return resolve(text)

    def played_ms(self) -> int:
        """Return how much of the item that is heard now has been heard, in milliseconds.

        An item is heard a little longer than it is made: its last segments still play.
        """
        item = self._heard
        if item is None or (item.spoken.is_set() and not self._clock.voice_left):
            return 0
        return min(self._clock.played_ms(item.epoch), item.milliseconds)

    @property
    def epoch(self) -> int:
        """Number that segments carry from now on; those of lower numbers may be stale."""
        return self._epoch

    @property
    def voice_left(self) -> float:
        """Seconds until the speech that has come is over; 0 if it is."""
        return self._clock.voice_left

    @property
    def pending_ms(self) -> int:
        """How much sound of the running item has not been made into segments, in milliseconds."""
        item = self._speaking
        return (item.samples - item.made) * 1000 // SAMPLE_RATE if item is not None else 0

    def receive(self, segment: MediaSegment) -> None:
        """Take a segment from the worker and keep it for whoever iterates."""
        shown = self.track(segment)
        if shown is not None:
            self._keep(shown)

    def track(self, segment: MediaSegment) -> AvatarSegment | None:
        """Take note of a segment and return it as programs see it; `None` if it was interrupted."""
        if segment.epoch < self._oldest:
            return None
        feeder, item = self._speech_feeder, self._speaking
        if feeder is not None and segment.epoch == feeder.epoch:
            feeder.spoken(segment)
        self._clock.add(segment.epoch, voiced=segment.speaking)
        sound: NDArray[np.int16] = np.frombuffer(segment.sound, "<i2")
        self._planner.hear("avatar", sound)
        voiced = item if item is not None and segment.epoch == item.epoch else None
        if voiced is not None and segment.speaking:
            voiced.made = min(voiced.made + SAMPLES_PER_LATENT, voiced.samples)
            if segment.finished:
                voiced.spoken.set()
        else:
            voiced = None
        return AvatarSegment(
            index=segment.index,
            item=voiced.name if voiced is not None else "",
            position_ms=voiced.made * 1000 // SAMPLE_RATE if voiced is not None else 0,
            frames=segment.frames,
            sound=sound,
            speaking=segment.speaking,
            final=segment.finished,
            flush=segment.flush,
        )

    def restarted(self) -> None:
        """The worker was replaced: what was being said is lost, the session goes on."""
        self._forget_speech()
        self._wants_key = False

    def fail(self, problem: str) -> None:
        """End the session because of a problem, told to whoever iterates."""
        self._problem = problem
        self._end()

    def end(self) -> None:
        """End the session; iterating ends with it."""
        if not self._ended:
            self._send(Close(self.name))
            self._end()

    async def close(self) -> None:
        """End the session and wait until nothing of it runs any more."""
        self.end()
        with contextlib.suppress(asyncio.CancelledError):
            await self._feeding

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[AvatarSegment]:
        return self

    async def __anext__(self) -> AvatarSegment:
        while not self._segments:
            if self._problem:
                raise UserError(self._problem)
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._segments.popleft()

    def _keep(self, segment: AvatarSegment) -> None:
        """Queue a segment for the program; where it does not read, the oldest give way."""
        if len(self._segments) >= MOST_SEGMENTS[self.codec]:
            self.dropped += 1
            if self.codec == "h264":  # every frame refers to those before it
                self._wants_key = True
                self.dropped += len(self._segments)
                self._segments.clear()
            else:
                self._segments.popleft()
        if self._wants_key and not segment.frames[0].key:
            self._send(KeyFrame(self.name))
            self.dropped += 1
            return
        self._wants_key = False
        self._segments.append(segment)
        self._arrived.set()

    async def _feed_forever(self) -> None:
        """Speak the items one after the other."""
        while True:
            item = await self._items.get()
            if item.closed and not item.samples:
                continue
            self._epoch += 1
            item.epoch, self._speaking, self._heard = self._epoch, item, item
            self._speech_feeder = SpeechFeeder(self.name, item.epoch, self._send)
            self._observe()
            await self._speech_feeder.feed(item.sounds())
            await item.spoken.wait()
            if self._speaking is item:
                self._speaking = None

    async def _plan_forever(self) -> None:
        while not self._ended:
            self._observe()
            await asyncio.sleep(PLAN_SECONDS)

    def _observe(self, asked: str = "") -> None:
        item = self._speaking
        decision = self._planner.observe(
            Observation(
                at=time.monotonic() - self._began,
                avatar_speaking=item is not None,
                text=item.text if item is not None else "",
                reply=item.epoch if item is not None else 0,
                asked=asked,
            )
        )
        if decision is not None:
            self._send(SetAction(self.name, decision.phrase))
            self.on_decision(decision)

    def _forget_speech(self) -> None:
        self._feeding.cancel()
        while not self._items.empty():
            self._items.get_nowait().drop()
        for item in (self._speaking, self._open):
            if item is not None:
                item.drop()
        self._speaking = self._heard = self._open = self._speech_feeder = None
        if not self._ended:
            self._feeding = asyncio.create_task(self._feed_forever())

    def _end(self) -> None:
        self._ended = True
        self._planning.cancel()
        self._planner.close()
        self._forget_speech()
        self._arrived.set()
        self._closed()

    def _check_open(self) -> None:
        if self._problem:
            raise UserError(self._problem)
        if self._ended:
            raise UserError("This avatar session is over.")


def to_float(sound: Sound) -> NDArray[np.float32]:
    """Return mono samples as float32 in [-1, 1].

    Raises:
        UserError: bytes that end inside a sample, more than one channel, or numbers that are none.
    """
    if isinstance(sound, bytes | bytearray | memoryview):
        if len(sound) % 2:
            raise UserError("The sound ends inside a sample: 16-bit sound has an even length.")
        sound = np.frombuffer(sound, "<i2")
    if sound.ndim != 1:
        raise UserError(f"Sound must be mono, an array of one dimension, not {sound.ndim}.")
    if sound.dtype == np.int16:
        return sound.astype(np.float32) / np.float32(32768)
    samples = np.asarray(sound, np.float32)
    if not np.isfinite(samples).all():
        raise UserError("The sound holds numbers that are not finite.")
    return samples.clip(-1, 1)

"""A worker's engine that computes no network: real sockets, pacing, sound and snapshots, and pictures made once.

It is for finding out how many viewers a network, an edge or a fleet bears, and what happens when parts of it die,
without paying for the pictures.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from flowact.media.watermark import Watermark
from flowact.serving.audio_source import (
    AudioSource,
    Microphone,
    Reply,
    Silence,
    TakenSound,
    from_pcm16,
    source_of,
    to_pcm16,
)
from flowact.serving.encoding import make_encoder
from flowact.serving.load_meter import LoadMeter
from flowact.serving.messages import (
    Close,
    Codec,
    Command,
    Continuation,
    Create,
    Depart,
    Departed,
    EncodedFrame,
    Event,
    Interrupt,
    KeyFrame,
    MediaSegment,
    Puppet,
    PushAudio,
    Say,
    SessionError,
    SetAction,
    Timings,
)
from flowact.serving.pacing import LEAST_LEAD, SEGMENT_SECONDS, UNHURRIED, Pace
from flowact.timebase import FRAME_SIZE, FRAMES_PER_LATENT, LATENTS_PER_CHUNK, SAMPLES_PER_LATENT

SNAPSHOT_EVERY: Final = 4
SNAPSHOT_BYTES: Final = 110_000
"""As many as a real session's, and as hard to compress."""
LOOP_FRAMES: Final = 24
"""Two chunks; the first is a key frame."""
_SWAY_PIXELS: Final = 6
_HEAD: Final = struct.Struct("<Q")


class _Session:
    """One session: its sound, its pace, and where it is in the loop of pictures."""

    def __init__(self, create: Create) -> None:
        self.name, self.epoch, self.action = create.session, create.epoch, create.action
        self.loop = _loop(create.picture, create.codec)
        self.source: AudioSource = Silence()
        self.pace, self.segment, self.frame = Pace(), 0, 0
        self.flush = self.departing = False
        if create.resume is not None:
            if len(create.resume.snapshot) < _HEAD.size:
                raise ValueError("this is no snapshot of a loopback session")
            (self.segment,) = _HEAD.unpack_from(create.resume.snapshot)
            self.source = source_of(create.resume.source)

    @property
    def between(self) -> bool:
        """Whether it stands between two chunks."""
        return self.segment % LATENTS_PER_CHUNK == 0

    def snapshot(self, filling: bytes) -> bytes:
        return _HEAD.pack(self.segment) + filling

    def take(self, command: Command) -> None:
        match command:
            case Say():
                self.say(command)
            case Puppet(epoch=epoch):
                self.source, self.epoch = Microphone(), epoch
            case PushAudio() if isinstance(self.source, Microphone):
                self.source.push(from_pcm16(command.sound), command.received)
            case SetAction(phrase=phrase):
                self.action = phrase
            case Interrupt(epoch=epoch):
                self.source, self.epoch, self.flush = Silence(), epoch, True
                self.pace, self.frame = Pace(), 0
            case KeyFrame():
                self.frame = 0

    def say(self, command: Say) -> None:
        if not (isinstance(self.source, Reply) and command.epoch == self.epoch):
            self.source, self.epoch = Reply(), command.epoch
        self.source.extend(from_pcm16(command.sound), command.final)

    def frames(self) -> tuple[EncodedFrame, ...]:
        first = self.frame
        self.frame = (first + FRAMES_PER_LATENT) % LOOP_FRAMES
        return tuple(self.loop[first : first + FRAMES_PER_LATENT])


class LoopbackEngine:
    """Sends every session its segments when they are due.

    Args:
        emit: where they go.
        now: seconds of a monotonic clock.
    """

    def __init__(
        self, emit: Callable[[Event], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._emit, self._now = emit, now
        self._load_meter = LoadMeter(now())
        self._filling = os.urandom(SNAPSHOT_BYTES)
        self._sessions: dict[str, _Session] = {}

    @property
    def busy(self) -> float:
        """Share of the last seconds in which there was work."""
        return self._load_meter.at(self._now())

    def handle(self, command: Command) -> None:
        """Do what is asked; a mistake ends the session that it concerns."""
        try:
            self._handle(command)
        except ValueError as error:
            name = getattr(command, "session", "")
            self._sessions.pop(name, None)
            self._emit(SessionError(name, str(error), fatal=True))

    def wait(self) -> float:
        """Return the seconds until a session is due, 1 at most."""
        begins = [self._begin(session) for session in self._sessions.values()]
        return min(max(min(begins, default=float("inf")) - self._now(), 0.0), 1.0)

    def step(self) -> None:
        """Send what is to be shown now of every session that is due."""
        begun = self._now()
        due = [each for each in self._sessions.values() if self._begin(each) <= begun]
        for session in due:
            self._make_next(session)
            if session.departing and session.between:
                self._depart(session)
        if due:
            self._load_meter.worked(begun, self._now())

    def _handle(self, command: Command) -> None:
        if isinstance(command, Create):
            session = self._sessions[command.session] = _Session(command)
            if command.resume is not None and command.resume.due:
                due = self._now() + command.resume.due - time.time()
                session.pace = Pace(due, session.segment)
            return
        found = self._sessions.get(getattr(command, "session", ""))
        match command:
            case _ if found is None:
                return  # closed a moment ago
            case Close():
                del self._sessions[found.name]
            case Depart():
                found.departing = True
                live = isinstance(found.source, Microphone)
                between = live and found.between
                if between and self._begin(found) - self._now() > UNHURRIED:
                    self._depart(found)
            case _:
                found.take(command)

    def _begin(self, session: _Session) -> float:
        if session.departing and not isinstance(session.source, Microphone):
            return float("-inf")  # it takes a chunk along
        return session.source.begin(session.pace.begin(session.segment, LEAST_LEAD))

    def _depart(self, session: _Session) -> None:
        pace, due = session.pace, 0.0
        if pace.origin is not None:
            due = time.time() + pace.begin(session.segment, 0.0) - self._now()
        resume = Continuation(session.snapshot(self._filling), session.source.pending(), due)
        del self._sessions[session.name]
        self._emit(Departed(session.name, session.epoch, session.action, resume))

    def _make_next(self, session: _Session) -> None:
        """Send a chunk, or what may be shown of one, as segments."""
        number, shown = divmod(session.segment, LATENTS_PER_CHUNK)
        parts = session.source.ready(LATENTS_PER_CHUNK - shown)
        taken = session.source.take(parts)
        if taken.finished:
            session.source = Silence()
        for part in range(parts):
            index, session.segment = session.segment, session.segment + 1
            due = session.between and number % SNAPSHOT_EVERY == 0
            snapshot = session.snapshot(self._filling) if due else None
            self._emit(_segment(session, taken, index, part, snapshot))
            session.flush = False
            session.pace = session.pace.delivered(index, self._now())


def _segment(
    session: _Session, taken: TakenSound, index: int, part: int, snapshot: bytes | None
) -> MediaSegment:
    samples = slice(part * SAMPLES_PER_LATENT, (part + 1) * SAMPLES_PER_LATENT)
    made, later = time.time(), len(taken.sound) // SAMPLES_PER_LATENT - 1 - part
    after = later * SEGMENT_SECONDS
    heard = taken.received - after if taken.received else 0.0
    return MediaSegment(
        session=session.name,
        epoch=session.epoch,
        index=index,
        frames=session.frames(),
        sound=to_pcm16(taken.sound[samples]),
        speaking=taken.speaking,
        pending=taken.pending,
        finished=taken.finished and later == 0,
        flush=session.flush,
        timings=Timings(heard, made, made, 0.0, 0.0, 0.0, 0.0),
        snapshot=snapshot,
    )


@lru_cache(maxsize=16)
def _loop(picture: bytes, codec: Codec) -> Sequence[EncodedFrame]:
    """Return a picture that sways a little, encoded and marked, and ends where it begins."""
    image = np.frombuffer(picture, np.uint8).reshape(FRAME_SIZE, FRAME_SIZE, 3)
    angles = np.arange(LOOP_FRAMES) * 2 * np.pi / LOOP_FRAMES
    shifts = np.rint(_SWAY_PIXELS * np.sin(angles)).astype(int)
    frames = np.stack([np.roll(image, shift, axis=1) for shift in shifts])
    return make_encoder(codec, Watermark(visible=True)).encode(frames)

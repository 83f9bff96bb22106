"""Segments to messages: numbers them, stamps them and puts them into the send queue."""

from __future__ import annotations

import io
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.live.protocol.binary import Flag, Header, MessageKind
from flowact.live.session.send_queue import SendQueue
from flowact.serving.messages import EncodedFrame, MediaSegment, Timings
from flowact.timebase import FPS, FRAMES_PER_LATENT

_JPEG: Final = b"\xff\xd8"
_FRAME_MS: Final = 1000 / FPS


class Packetizer:
    """The numbering of one connection's messages.

    Media time begins at 0 with the session's first segment and never goes back within a connection,
    also when the worker had to go back to an older snapshot.

    Args:
        send_queue: where messages go.

    Attributes:
        offset: segments by which media time is ahead of the session's own count.
    """

    def __init__(self, send_queue: SendQueue) -> None:
        self._outbox, self._sequence = send_queue, 0
        self.offset, self._next = 0, 0

    def send(self, segment: MediaSegment) -> bool:
        """Queue a segment's sound, then its frames; false if the viewer now needs a key frame."""
        if segment.flush:
            self._outbox.flush()
        if segment.index + self.offset < self._next:
            self.offset = self._next - segment.index
        first = (segment.index + self.offset) * FRAMES_PER_LATENT
        self._next = segment.index + self.offset + 1
        whole = self._put(segment, MessageKind.SOUND, Flag.NONE, first, segment.sound)
        for number, frame in enumerate(segment.frames):
            whole &= self._put(segment, *_kind(frame), first + number, frame.data)
        return whole

    def new_stream(self) -> None:
        """The next segment comes from another worker and may be older than what was shown."""
        self._outbox.flush()

    def portrait(self, picture: NDArray[np.uint8]) -> None:
        """Queue a picture, uint8 `[480, 480, 3]`, to be shown until the first frame comes."""
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=90)
        jpeg = buffer.getvalue()
        now = time.time() * 1e3
        header = Header(
            MessageKind.STILL, Flag.KEY, 0, self._number(), 0.0, made_ms=now, sent_ms=now
        )
        self._outbox.put_media(header.pack(), jpeg, video=False, key=True)

    def _put(
        self, segment: MediaSegment, kind: MessageKind, flags: Flag, frame: int, body: bytes
    ) -> bool:
        timings = segment.timings
        header = Header(
            kind=kind,
            flags=flags | _flags(segment),
            epoch=segment.epoch,
            sequence=self._number(),
            media_ms=frame * _FRAME_MS,
            heard_ms=_heard(timings, frame),
            started_ms=timings.started * 1e3,
            made_ms=timings.made * 1e3,
            sent_ms=time.time() * 1e3,
            stages=_stages(timings),
        )
        key, video = bool(flags & Flag.KEY), kind is not MessageKind.SOUND
        return self._outbox.put_media(header.pack(), body, video=video, key=key)

    def _number(self) -> int:
        self._sequence += 1
        return self._sequence


def _kind(frame: EncodedFrame) -> tuple[MessageKind, Flag]:
    kind = MessageKind.JPEG if frame.data.startswith(_JPEG) else MessageKind.H264
    return kind, Flag.KEY if frame.key else Flag.NONE


def _flags(segment: MediaSegment) -> Flag:
    flags = Flag.FLUSH if segment.flush else Flag.NONE
    if segment.speaking:
        flags |= Flag.SPEAKING
    return flags | Flag.LAST if segment.finished else flags


def _stages(timings: Timings) -> tuple[float, float, float, float]:
    seconds = (timings.waited, timings.denoise, timings.decode, timings.encode)
    waited, denoise, decode, encode = (value * 1e3 for value in seconds)
    return waited, denoise, decode, encode


def _heard(timings: Timings, frame: int) -> float:
    """When the sound that is heard with a frame reached the server; 0 if it was not live."""
    if not timings.heard:
        return 0.0
    after = FRAMES_PER_LATENT - 1 - frame % FRAMES_PER_LATENT
    return timings.heard * 1e3 - after * _FRAME_MS

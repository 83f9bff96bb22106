"""Chunks to messages: numbers them, stamps them and puts them into the outbox."""

from __future__ import annotations

import time
from typing import Final

from flowact.live.framing import Flag, Header, Kind
from flowact.live.outbox import Outbox
from flowact.runtime.messages import Chunk, EncodedFrame
from flowact.timebase import FPS, FRAMES_PER_CHUNK

_JPEG: Final = b"\xff\xd8"
_FRAME_MS: Final = 1000 / FPS


class Delivery:
    """The numbering of one connection's messages.

    Media time begins at 0 with the session's first chunk and never goes back within a connection,
    also when the worker had to go back to an older snapshot.

    Args:
        outbox: where messages go.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox, self._sequence = outbox, 0
        self._offset, self._next = 0, 0

    def send(self, chunk: Chunk) -> bool:
        """Queue a chunk's sound, then its frames; false if the viewer now needs a key frame."""
        if chunk.flush:
            self._outbox.flush()
        if chunk.index + self._offset < self._next:
            self._offset = self._next - chunk.index
        first = (chunk.index + self._offset) * FRAMES_PER_CHUNK
        self._next = chunk.index + self._offset + 1
        whole = self._put(chunk, Kind.SOUND, Flag.NONE, first, chunk.sound)
        for number, frame in enumerate(chunk.frames):
            whole &= self._put(chunk, *_kind(frame), first + number, frame.data)
        return whole

    def new_stream(self) -> None:
        """The next chunk comes from another worker and may be older than what was shown."""
        self._outbox.flush()

    def still(self, jpeg: bytes) -> None:
        """Queue a picture to be shown until the first frame comes."""
        now = time.time() * 1e3
        header = Header(Kind.STILL, Flag.KEY, 0, self._number(), 0.0, made_ms=now, sent_ms=now)
        self._outbox.put_media(header.pack(jpeg), video=False, key=True)

    def _put(self, chunk: Chunk, kind: Kind, flags: Flag, frame: int, body: bytes) -> bool:
        timings = chunk.timings
        header = Header(
            kind=kind,
            flags=flags | _flags(chunk),
            epoch=chunk.epoch,
            sequence=self._number(),
            media_ms=frame * _FRAME_MS,
            heard_ms=timings.heard * 1e3,
            started_ms=timings.started * 1e3,
            made_ms=timings.encoded * 1e3,
            sent_ms=time.time() * 1e3,
        )
        key, video = bool(flags & Flag.KEY), kind is not Kind.SOUND
        return self._outbox.put_media(header.pack(body), video=video, key=key)

    def _number(self) -> int:
        self._sequence += 1
        return self._sequence


def _kind(frame: EncodedFrame) -> tuple[Kind, Flag]:
    kind = Kind.JPEG if frame.data.startswith(_JPEG) else Kind.H264
    return kind, Flag.KEY if frame.key else Flag.NONE


def _flags(chunk: Chunk) -> Flag:
    flags = Flag.FLUSH if chunk.flush else Flag.NONE
    if chunk.speaking:
        flags |= Flag.SPEAKING
    return flags | Flag.LAST if chunk.finished else flags

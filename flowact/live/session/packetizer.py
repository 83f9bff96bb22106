"""Pieces to messages: numbers them, stamps them and puts them into the outbox."""

from __future__ import annotations

import time
from typing import Final

from flowact.live.protocol.binary import Flag, Header, Kind
from flowact.live.session.send_queue import Outbox
from flowact.serving.messages import EncodedFrame, Piece, Timings
from flowact.timebase import FPS, FRAMES_PER_LATENT

_JPEG: Final = b"\xff\xd8"
_FRAME_MS: Final = 1000 / FPS


class Delivery:
    """The numbering of one connection's messages.

    Media time begins at 0 with the session's first piece and never goes back within a connection,
    also when the worker had to go back to an older snapshot.

    Args:
        outbox: where messages go.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox, self._sequence = outbox, 0
        self._offset, self._next = 0, 0

    def send(self, piece: Piece) -> bool:
        """Queue a piece's sound, then its frames; false if the viewer now needs a key frame."""
        if piece.flush:
            self._outbox.flush()
        if piece.index + self._offset < self._next:
            self._offset = self._next - piece.index
        first = (piece.index + self._offset) * FRAMES_PER_LATENT
        self._next = piece.index + self._offset + 1
        whole = self._put(piece, Kind.SOUND, Flag.NONE, first, piece.sound)
        for number, frame in enumerate(piece.frames):
            whole &= self._put(piece, *_kind(frame), first + number, frame.data)
        return whole

    def new_stream(self) -> None:
        """The next piece comes from another worker and may be older than what was shown."""
        self._outbox.flush()

    def still(self, jpeg: bytes) -> None:
        """Queue a picture to be shown until the first frame comes."""
        now = time.time() * 1e3
        header = Header(Kind.STILL, Flag.KEY, 0, self._number(), 0.0, made_ms=now, sent_ms=now)
        self._outbox.put_media(header.pack(jpeg), video=False, key=True)

    def _put(self, piece: Piece, kind: Kind, flags: Flag, frame: int, body: bytes) -> bool:
        timings = piece.timings
        header = Header(
            kind=kind,
            flags=flags | _flags(piece),
            epoch=piece.epoch,
            sequence=self._number(),
            media_ms=frame * _FRAME_MS,
            heard_ms=_heard(timings, frame),
            started_ms=timings.started * 1e3,
            made_ms=timings.made * 1e3,
            sent_ms=time.time() * 1e3,
            stages=_stages(timings),
        )
        key, video = bool(flags & Flag.KEY), kind is not Kind.SOUND
        return self._outbox.put_media(header.pack(body), video=video, key=key)

    def _number(self) -> int:
        self._sequence += 1
        return self._sequence


def _kind(frame: EncodedFrame) -> tuple[Kind, Flag]:
    kind = Kind.JPEG if frame.data.startswith(_JPEG) else Kind.H264
    return kind, Flag.KEY if frame.key else Flag.NONE


def _flags(piece: Piece) -> Flag:
    flags = Flag.FLUSH if piece.flush else Flag.NONE
    if piece.speaking:
        flags |= Flag.SPEAKING
    return flags | Flag.LAST if piece.finished else flags


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

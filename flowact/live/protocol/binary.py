"""Binary messages to the viewer: one header, then the media of one frame or of one segment's sound.

Little-endian, 68 bytes:

    u8 kind | u8 flags | u16 version | u32 epoch | u32 sequence |
    f32 waited | f32 denoise | f32 decode | f32 encode |
    f64 media time | f64 heard | f64 started | f64 made | f64 sent

All times are in milliseconds. The first four say how long the stages of making it took. The last
four are times since 1970 on the server's clock: when the live sound that it shows reached the
server (0: there is none), when work on it began, when it was encoded, when it was sent.
`flowact/live/server/static/framing.js` reads them.

Where a stream has no message borders (chunked HTTP), every message is preceded by its type, `T` for
text or `B` for binary, and its length as u32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

VERSION: Final = 2
_HEADER: Final = struct.Struct("<BBHII4f5d")
_PREFIX: Final = struct.Struct("<cI")
HEADER_BYTES: Final = _HEADER.size


class MessageKind(IntEnum):
    """What follows the header."""

    H264 = 1
    JPEG = 2
    STILL = 3
    SOUND = 4


class Flag(IntFlag):
    """What is special about a message."""

    NONE = 0
    KEY = 1
    FLUSH = 2
    SPEAKING = 4
    LAST = 8


@dataclass(frozen=True)
class Header:
    """The header of a binary message; see the module for units."""

    kind: MessageKind
    flags: Flag
    epoch: int
    sequence: int
    media_ms: float
    heard_ms: float = 0.0
    started_ms: float = 0.0
    made_ms: float = 0.0
    sent_ms: float = 0.0
    stages: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def pack(self, body: bytes = b"") -> bytes:
        """Return the message, or the header alone."""
        return (
            _HEADER.pack(
                self.kind,
                self.flags,
                VERSION,
                self.epoch,
                self.sequence,
                *self.stages,
                self.media_ms,
                self.heard_ms,
                self.started_ms,
                self.made_ms,
                self.sent_ms,
            )
            + body
        )


def unpack(message: bytes) -> tuple[Header, bytes]:
    """Split a message into header and body.

    Raises:
        ValueError: too short, another version or an unknown kind.
    """
    if len(message) < HEADER_BYTES:
        raise ValueError(f"a message of {len(message)} bytes; at least {HEADER_BYTES} expected")
    kind, flags, version, epoch, sequence, *times = _HEADER.unpack_from(message)
    if version != VERSION:
        raise ValueError(f"protocol version {version}; expected {VERSION}")
    waited, denoise, decode, encode, media, heard, started, made, sent = times
    header = Header(
        kind=MessageKind(kind),
        flags=Flag(flags),
        epoch=epoch,
        sequence=sequence,
        media_ms=media,
        heard_ms=heard,
        started_ms=started,
        made_ms=made,
        sent_ms=sent,
        stages=(waited, denoise, decode, encode),
    )
    return header, message[HEADER_BYTES:]


def prefixed(message: str | bytes) -> bytes:
    """Return a message with its type and length, for streams without message borders."""
    if isinstance(message, str):
        body = message.encode()
        return _PREFIX.pack(b"T", len(body)) + body
    return _PREFIX.pack(b"B", len(message)) + message


def split_prefixed(data: bytes) -> Iterator[str | bytes]:
    """Undo `prefixed` for a whole body.

    Raises:
        ValueError: a type that is neither, a length beyond the end, or text that is not UTF-8.
    """
    at = 0
    while at < len(data):
        if at + _PREFIX.size > len(data):
            raise ValueError("the body ends inside a message's prefix")
        kind, length = _PREFIX.unpack_from(data, at)
        at += _PREFIX.size
        if kind not in (b"T", b"B") or at + length > len(data):
            raise ValueError(f"a message of type {kind!r} and {length} bytes does not fit")
        body = data[at : at + length]
        at += length
        yield body.decode() if kind == b"T" else body

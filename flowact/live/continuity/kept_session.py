"""All of a session that another server needs to go on with it, as one value and as bytes."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, get_args

from flowact.serving.messages import Codec, Continuation, Create, PendingSound

SCHEMA: Final = 2
"""Changed with every change of what is written; another one cannot be read."""
_LENGTHS: Final = struct.Struct("<III")


@dataclass(frozen=True)
class SessionOrigin:
    """What a session was begun with, and does not change.

    Attributes:
        session, visitor: its name, and the subject of the visitor's ticket.
        character: name of the character; empty for the default one.
        uploaded: whether the picture is the visitor's own.
        seed, codec: see `Create`.
        generation: how many servers have had it; the newest one wins.
    """

    session: str
    visitor: str
    character: str
    uploaded: bool
    seed: int
    codec: Codec
    generation: int = 1


@dataclass(frozen=True)
class KeptSession:
    """A session at a chunk border.

    Attributes:
        origin: see there.
        epoch: of what it was speaking.
        action: phrase of what it was doing.
        resume: where the worker goes on.
        viewer: what the viewer's side knows, as plain JSON; see `ViewerSession.kept`.
    """

    origin: SessionOrigin
    epoch: int
    action: str
    resume: Continuation
    viewer: dict[str, Any] = field(default_factory=dict)

    def create(self, picture: bytes) -> Create:
        """Return what makes a worker go on, with the picture's RGB bytes.

        A reply ends with the sound that is in hand: nobody here knows the rest.
        """
        origin, source = self.origin, replace(self.resume.source, complete=True)
        return Create(
            origin.session,
            picture,
            origin.seed,
            self.action,
            origin.codec,
            self.epoch,
            replace(self.resume, source=source),
        )


def to_bytes(kept: KeptSession) -> bytes:
    """Write a session: a table of words and numbers, then the state and the sound in hand."""
    source = kept.resume.source
    table = {
        "schema": SCHEMA,
        "origin": asdict(kept.origin),
        "epoch": kept.epoch,
        "action": kept.action,
        "due": kept.resume.due,
        "source": [source.kind, source.complete],
        "viewer": kept.viewer,
    }
    words = json.dumps(table, ensure_ascii=False).encode()
    parts = (words, kept.resume.snapshot, source.sound)
    return _LENGTHS.pack(*map(len, parts)) + b"".join(parts)


def from_bytes(data: bytes) -> KeptSession:
    """Read what `to_bytes` wrote.

    Raises:
        ValueError: it is damaged, or of another version.
    """
    try:
        words, snapshot, sound = _split(data)
        table = json.loads(words)
        if table["schema"] != SCHEMA:
            raise ValueError(f"its schema is {table['schema']!r}, not {SCHEMA}")
        origin = SessionOrigin(**table["origin"])
        if origin.codec not in get_args(Codec):
            raise ValueError(f"codec {origin.codec!r}")
        kind, complete = table["source"]
        source = PendingSound(kind, sound, bool(complete))
        resume = Continuation(snapshot, source, float(table["due"]))
        return KeptSession(origin, int(table["epoch"]), table["action"], resume, table["viewer"])
    except (struct.error, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a kept session of {len(data)} bytes cannot be read: {error}") from error


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    first, second, third = _LENGTHS.unpack_from(data)
    begin = _LENGTHS.size
    if len(data) != begin + first + second + third:
        raise ValueError("its parts have other lengths than it says")
    middle, end = begin + first, begin + first + second
    return data[begin:middle], data[middle:end], data[end:]

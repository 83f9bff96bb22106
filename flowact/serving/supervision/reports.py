"""What a supervisor says of its workers and their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flowact.serving.messages import MediaSegment, Ready, SessionError

RestartKind = Literal["crash", "hang", "loading"]


@dataclass(frozen=True)
class WorkerRestarted:
    """The worker was replaced; `sessions` go on from their last snapshots, silent.

    Attributes:
        sessions: their names.
        reason: in words, with the worker's number.
        kind: the same as one of few words.
    """

    sessions: tuple[str, ...]
    reason: str
    kind: RestartKind


@dataclass(frozen=True)
class SessionsMoved:
    """A fresh worker has taken sessions over at chunk borders, and nobody has noticed.

    Attributes:
        sessions: how many.
        seconds: that it took for all of them.
    """

    sessions: int
    seconds: float


@dataclass(frozen=True)
class SnapshotTaken:
    """A session can go on from here after a crash.

    Attributes:
        session: its name.
        snapshot: its state; see `flowact.serving.snapshot`.
        segment: number of the segment that comes next.
    """

    session: str
    snapshot: bytes
    segment: int


@dataclass(frozen=True)
class WorkerUnavailable:
    """No worker can be started; `message` says why in one sentence."""

    message: str


Report = (
    MediaSegment
    | SessionError
    | SessionsMoved
    | SnapshotTaken
    | WorkerRestarted
    | Ready
    | WorkerUnavailable
)

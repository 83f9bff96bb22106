"""What happens on the live page that operators count, as plain values, and who hears of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flowact.serving.messages import MediaSegment
from flowact.serving.supervision.reports import RestartKind

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Joined:
    """A viewer has got the first segment over a new connection.

    Attributes:
        result: of a new session, or of one that had lost its connection.
        waited: seconds in the line.
        seconds: from the page's first message to the first segment, without `waited`.
        traceparent: of the page's trace, as W3C Trace Context writes it; empty if it has none.
    """

    result: Literal["new", "resumed"]
    waited: float
    seconds: float
    traceparent: str = ""


@dataclass(frozen=True)
class NotJoined:
    """A connection ended without a session: refused, or its viewer left the line."""

    result: Literal["refused", "left"]


@dataclass(frozen=True)
class SegmentSent:
    """A segment was made and queued.

    Attributes:
        segment: which.
        late: seconds that its viewer's picture stood still for it; 0 if it was in time.
        dropped: messages that the viewer did not get, being too slow.
    """

    segment: MediaSegment
    late: float
    dropped: int


@dataclass(frozen=True)
class Replied:
    """The first segment with a reply's voice, `seconds` after it was asked for."""

    seconds: float
    traceparent: str = ""


@dataclass(frozen=True)
class WorkerReplaced:
    """The worker crashed, hung or did not load, and another one took over."""

    reason: RestartKind


@dataclass(frozen=True)
class Moved:
    """`sessions` were moved to another worker on purpose, which took so many seconds for all."""

    reason: Literal["renewal"]
    sessions: int
    seconds: float


@dataclass(frozen=True)
class SnapshotKept:
    """A session's state was kept; `size` is in bytes."""

    size: int


@dataclass(frozen=True)
class ViewerLag:
    """A page painted a frame `seconds` after it was made, as the page itself measured."""

    seconds: float


LiveEvent = (
    Joined | NotJoined | SegmentSent | Replied | WorkerReplaced | Moved | SnapshotKept | ViewerLag
)
Observer = Callable[[LiveEvent], None]


class Observers:
    """Everybody who hears of events; nobody unless the owner asked for metrics or traces."""

    def __init__(self) -> None:
        self._all: list[Observer] = []

    def add(self, observer: Observer) -> None:
        """Let one more hear of what happens from now on."""
        self._all.append(observer)

    def tell(self, event: LiveEvent) -> None:
        """Pass an event to everybody; whoever fails harms neither the others nor the stream."""
        for observer in self._all:
            try:
                observer(event)
            except Exception:  # whatever an exporter raises, the page goes on
                _log.exception("an observer of the page failed")

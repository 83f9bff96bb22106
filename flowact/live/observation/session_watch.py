"""One session as operators see it: joined, in time or late, answered after how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from flowact.live.observation.events import Joined, LiveEvent, Replied, SegmentSent
from flowact.serving.messages import MediaSegment
from flowact.serving.pacing import SEGMENT_SECONDS


@dataclass(frozen=True)
class Arrival:
    """How a connection came to its session.

    Attributes:
        result: a new session, or one that goes on.
        at: when the client connected, in seconds of `time.monotonic()`.
        waited: seconds in the line.
        traceparent: of the page's trace.
    """

    result: Literal["new", "resumed"] = "new"
    at: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    traceparent: str = ""


class SessionWatch:
    """Turns a session's segments into events.

    A viewer plays 0.16 s with every segment; whoever has played everything before the next one comes
    sees a picture that stands still. Nothing is told of a session that nobody has come to.

    Args:
        tell: hears of the events.
        now: seconds of a monotonic clock.
    """

    def __init__(
        self,
        tell: Callable[[LiveEvent], None] = lambda _event: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell, self._now = tell, now
        self._played_until: float | None = None
        self._arrival: Arrival | None = None
        self._dropped = 0
        self._asked: float | None = None
        self._traceparent = ""

    def arrived(self, arrival: Arrival) -> None:
        """Take note of a new connection: the next segment makes it a viewer."""
        self._arrival, self._traceparent = arrival, arrival.traceparent
        self._played_until, self._dropped = None, 0

    def expect(self, *, reply: bool) -> None:
        """Take note that something is to be said, and the first segment with a voice answers it; or that it is not."""
        self._asked = self._now() if reply else None

    def sent(self, segment: MediaSegment, dropped: int) -> None:
        """Tell what a segment means.

        Args:
            segment: that was just queued for the viewer.
            dropped: messages that this connection's viewer was too slow for, up to now.
        """
        now = self._now()
        lost = (
            0 if segment.flush else dropped - self._dropped
        )  # an interruption throws away on purpose
        self._dropped = dropped
        played_until = now if self._played_until is None or segment.flush else self._played_until
        self._tell(SegmentSent(segment, max(now - played_until, 0.0), lost))
        self._played_until = max(now, played_until) + SEGMENT_SECONDS
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            seconds = now - arrival.at - arrival.waited
            self._tell(Joined(arrival.result, arrival.waited, seconds, arrival.traceparent))
        if segment.speaking and self._asked is not None:
            asked, self._asked = self._asked, None
            self._tell(Replied(now - asked, self._traceparent))

"""What the server needs of a session, be its viewer the page or somebody's program."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flowact.live.observation.session_watch import SessionWatch
from flowact.live.protocol.events import ServerEvent
from flowact.live.session.recorder import Recorder
from flowact.live.session.send_queue import SendQueue
from flowact.serving.messages import MediaSegment


class LiveSession(Protocol):
    """A session that lives in the worker and whose viewer may be away for a moment.

    Attributes:
        name: of the session, the same at the worker.
        visitor: whose uploads may be used.
        send_queue: what waits to be sent.
        recorder: the last minutes.
        watch: what operators see of it.
        left: when the connection was lost, in seconds of a monotonic clock.
        heard: greatest number of an event that was heard.
    """

    name: str
    visitor: str
    send_queue: SendQueue
    recorder: Recorder
    watch: SessionWatch
    left: float | None
    heard: int

    def tell(self, event: ServerEvent) -> None:
        """Queue an event for the viewer."""

    def welcome(self, picture: NDArray[np.uint8]) -> None:
        """Show the portrait until the model has made the first frame."""

    def send_segment(self, segment: MediaSegment) -> None:
        """Take a segment from the worker."""

    def reconnect(self) -> None:
        """Begin again with a fresh send queue."""

    def restarted(self) -> None:
        """The worker was replaced."""

    def close(self) -> None:
        """End the session everywhere."""

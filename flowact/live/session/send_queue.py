"""What waits to be sent to one viewer, bounded: a slow connection loses pictures, not its place.

One that takes nothing at all costs the bound once, and then nothing until it takes something again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MOST_BYTES: Final = 750_000
"""About four seconds of video and sound; a viewer further behind goes on at the next key frame."""
MOST_TEXTS: Final = 200


class SendQueue:
    """A queue that never blocks whoever fills it.

    Attributes:
        dropped: media messages thrown away because the viewer was too slow.
        stuck: whether too much waited, and nothing was taken since.
    """

    def __init__(self) -> None:
        self._texts: deque[str] = deque(maxlen=MOST_TEXTS)
        self._media: deque[tuple[bytes, bytes]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._closed = False
        self._waiting_for_key = True  # whoever has just come cannot begin with anything else
        self.dropped, self.stuck = 0, False

    def put_text(self, message: str) -> None:
        """Queue a text; texts overtake media."""
        self._texts.append(message)
        self._filled.set()

    def put_media(self, head: bytes, body: bytes = b"", *, video: bool, key: bool) -> bool:
        """Queue a message in two parts; return false when a key frame is needed for the viewer to go on.

        The parts are joined when they are sent: while it waits, the body is no copy of what the recorder keeps.

        When too much waits, all waiting media is thrown away, and so is what comes until the viewer takes
        something; then it goes on at the next key frame.
        """
        size = len(head) + len(body)
        if self._bytes + size > MOST_BYTES:
            self.flush()
            self._waiting_for_key = self.stuck = True
        if self.stuck:
            self.dropped += 1
            return True
        if video and self._waiting_for_key:
            if not key:
                self.dropped += 1
                return False
            self._waiting_for_key = False
        self._media.append((head, body))
        self._bytes += size
        self._filled.set()
        return True

    def flush(self) -> None:
        """Throw all waiting media away."""
        self.dropped += len(self._media)
        self._media.clear()
        self._bytes = 0

    def close(self) -> None:
        """End `get` once everything is sent."""
        self._closed = True
        self._filled.set()

    async def get(self) -> str | bytes | None:
        """Return the next message, `None` after the last."""
        while True:
            self.stuck = False  # also for a reader that waited while too much came at once
            if self._texts:
                return self._texts.popleft()
            if self._media:
                head, body = self._media.popleft()
                self._bytes -= len(head) + len(body)
                return head + body
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()

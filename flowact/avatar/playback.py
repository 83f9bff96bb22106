"""How much of what was made has been heard: pure arithmetic over the times at which segments came."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from flowact.serving.pacing import SEGMENT_SECONDS


class PlaybackClock:
    """The play position of one viewer, who plays each segment as soon as the one before it is over.

    Args:
        now: seconds of a monotonic clock.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._epoch, self._over = -1, 0.0
        self._begins: deque[float] = deque()
        self._free = self._voice_until = float("-inf")

    def add(self, epoch: int, *, voiced: bool) -> None:
        """Take note of a segment that has come: of which reply, and whether it speaks."""
        begin = max(self._now(), self._free)
        self._free = begin + SEGMENT_SECONDS
        if not voiced:
            return
        if epoch != self._epoch:
            self._epoch, self._over = epoch, 0.0
            self._begins.clear()
        self._settle()
        self._begins.append(begin)
        self._voice_until = self._free

    def flush(self) -> None:
        """What has not been played will not be."""
        self._begins.clear()
        self._free = self._voice_until = self._now()

    def played_ms(self, epoch: int) -> int:
        """Return how much of that reply has been heard, in milliseconds of its sound."""
        if epoch != self._epoch:
            return 0
        self._settle()
        now = self._now()
        running = sum(max(now - begin, 0.0) for begin in self._begins)
        return round((self._over + running) * 1000)

    @property
    def voice_left(self) -> float:
        """Seconds until the last speech that has come is over; 0 if it is."""
        return max(self._voice_until - self._now(), 0.0)

    def _settle(self) -> None:
        """Count the segments that are over and forget their times."""
        while self._begins and self._begins[0] + SEGMENT_SECONDS <= self._now():
            self._begins.popleft()
            self._over += SEGMENT_SECONDS

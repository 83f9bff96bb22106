"""Bounds on what one viewer may cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

MESSAGES_PER_SECOND: Final = 80.0
"""Microphone packets come 25 a second."""
MESSAGES_AT_ONCE: Final = 240.0
REQUESTS_PER_SECOND: Final = 5.0
REQUESTS_AT_ONCE: Final = 20.0
SOUND_PER_SECOND: Final = 4.0
"""Seconds of a microphone; what a poor connection held back may come faster than it is spoken."""
SOUND_AT_ONCE: Final = 10.0


class TokenBucket:
    """A token bucket: `burst` at once, `rate` a second in the long run.

    Args:
        rate: per second.
        burst: at once.
        now: seconds of a monotonic clock.
    """

    def __init__(
        self, rate: float, burst: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._level, self._at = burst, now()

    def take(self, amount: float = 1.0) -> bool:
        """Take so much; false, and nothing is taken, if there is less."""
        now = self._now()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < amount:
            return False
        self._level -= amount
        return True

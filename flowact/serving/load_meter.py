"""Whether a worker has more to do than it has time for."""

from __future__ import annotations

import math
from typing import Final

MEMORY_SECONDS: Final = 2.0
TOO_MUCH: Final = 0.9
LITTLE: Final = 0.7
"""Between the two it stays as it was, or what is saved would at once be spent again."""


class LoadMeter:
    """The share of the last seconds in which there was work.

    Args:
        now: seconds of a monotonic clock.

    Attributes:
        share: 0..1.
        overloaded: whether that has lately been too much.
    """

    def __init__(self, now: float) -> None:
        self.share, self.overloaded = 0.0, False
        self._seen = now

    def at(self, now: float) -> float:
        """Return the share as it has become with nothing to do since the last piece of work."""
        return self.share * math.exp(-max(now - self._seen, 0.0) / MEMORY_SECONDS)

    def worked(self, begun: float, ended: float) -> None:
        """Take note of a piece of work."""
        passed = max(ended - self._seen, 0.0)
        if passed == 0:
            return
        weight = 1 - math.exp(-passed / MEMORY_SECONDS)
        self.share += weight * (min((ended - begun) / passed, 1.0) - self.share)
        self._seen = ended
        if self.share > TOO_MUCH:
            self.overloaded = True
        elif self.share < LITTLE:
            self.overloaded = False

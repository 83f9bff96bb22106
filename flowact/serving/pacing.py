"""When the segments of a session are due: pure functions and one small value.

A viewer begins to play when the first segment arrives; segment `k` must be there `k * 0.16` s later.
Work on a chunk begins `lead` seconds before its first segment is due, as long as that has lately
taken and a little more: a longer lead is a longer delay of live sound, a shorter one a picture that
stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from flowact.timebase import FPS, FRAMES_PER_CHUNK, FRAMES_PER_LATENT

CHUNK_SECONDS: Final = FRAMES_PER_CHUNK / FPS
SEGMENT_SECONDS: Final = FRAMES_PER_LATENT / FPS
MARGIN: Final = 0.05
LEAST_LEAD: Final = 0.14
MOST_LEAD: Final = 2 * CHUNK_SECONDS
FIRST_LEAD: Final = CHUNK_SECONDS
"""Before anything has been measured."""
UNHURRIED: Final = 0.25
"""Seconds before work on a chunk is to begin in which another worker surely has taken a session over."""
REMEMBERED: Final = 32
"""Chunks whose times count."""


def lead(taken: Sequence[float]) -> float:
    """Return how early to begin, from how late the last segments came, as from the begin of work.

    Args:
        taken: seconds, oldest first; those of a chunk's second segment count from 0.16 s after the
            begin, those of its third from 0.32 s.
    """
    recent = list(taken)
    if not recent:
        return FIRST_LEAD
    usual = float(np.quantile(recent, 0.9))
    return min(max(usual + MARGIN, LEAST_LEAD), MOST_LEAD)


@dataclass(frozen=True)
class Pace:
    """The schedule of one session, in seconds of a monotonic clock.

    Attributes:
        origin: when the viewer began to play segment `first`; `None` before it was delivered.
        first: number of that segment.
    """

    origin: float | None = None
    first: int = 0

    def begin(self, segment: int, ahead: float) -> float:
        """Return when work on `segment` is to begin; minus infinity if it is already wanted."""
        if self.origin is None:
            return float("-inf")
        return self.origin + (segment - self.first) * SEGMENT_SECONDS - ahead

    def delivered(self, segment: int, now: float) -> Self:
        """Take note of a delivery: the first one, or one so late that the viewer had to wait."""
        late = self.origin is not None and now > self.begin(segment, 0.0)
        if self.origin is None or late:
            return replace(self, origin=now, first=segment)
        return self

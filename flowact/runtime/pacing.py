"""When the chunks of a session are due: pure functions and one small value.

A viewer begins to play when the first chunk arrives; chunk `k` must be there `k * 0.48` s later.
Work on it begins `lead` seconds before, as long as chunks have lately taken and a little more: a
longer lead is a longer delay of live sound, a shorter one a picture that stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from flowact.timebase import FPS, FRAMES_PER_CHUNK

CHUNK_SECONDS: Final = FRAMES_PER_CHUNK / FPS
MARGIN: Final = 0.08
LEAST_LEAD: Final = 0.14
MOST_LEAD: Final = 2 * CHUNK_SECONDS
FIRST_LEAD: Final = CHUNK_SECONDS
"""Before anything has been measured."""
REMEMBERED: Final = 32


def lead(taken: Sequence[float]) -> float:
    """Return how early to begin, from the seconds that the last chunks took, oldest first."""
    recent = list(taken)[-REMEMBERED:]
    if not recent:
        return FIRST_LEAD
    usual = float(np.quantile(recent, 0.95))
    return min(max(usual + MARGIN, LEAST_LEAD), MOST_LEAD)


@dataclass(frozen=True)
class Pace:
    """The schedule of one session, in seconds of a monotonic clock.

    Attributes:
        origin: when the viewer began to play chunk `first`; `None` before it was delivered.
        first: number of that chunk.
    """

    origin: float | None = None
    first: int = 0

    def begin(self, chunk: int, ahead: float) -> float:
        """Return when work on `chunk` is to begin; minus infinity if it is already wanted."""
        if self.origin is None:
            return float("-inf")
        return self.origin + (chunk - self.first) * CHUNK_SECONDS - ahead

    def delivered(self, chunk: int, now: float) -> Self:
        """Take note of a delivery: the first one, or one so late that the viewer had to wait."""
        late = self.origin is not None and now > self.begin(chunk, 0.0)
        if self.origin is None or late:
            return replace(self, origin=now, first=chunk)
        return self

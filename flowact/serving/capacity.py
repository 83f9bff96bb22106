"""How many sessions a worker bears on this machine, found out by trying."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from flowact.media.watermark import Watermark
from flowact.parallel.lockstep import Stepper
from flowact.pipeline import FlowActPipeline
from flowact.serving.engine import Engine
from flowact.serving.messages import MOST_PLACES, Create, Event, SessionError
from flowact.serving.pacing import CHUNK_SECONDS
from flowact.serving.reference_cache import ReferenceCache
from flowact.serving.warmup import CHUNKS, sample_picture

BUSY: Final = 0.85
"""Share of its time that a worker computes when all places are taken; the rest is for what else the machine does."""
TIMED_CHUNKS: Final = 3
_LATER: Final = 10.0


def measure_places(
    pipeline: FlowActPipeline, mark: Watermark, references: ReferenceCache, stepper: Stepper
) -> int:
    """Generate for more and more sessions that nobody sees, and return how many a worker bears."""
    return places_within(BUSY * CHUNK_SECONDS, _Trial(pipeline, mark, references, stepper).seconds)


def places_within(budget: float, seconds: Callable[[int], float]) -> int:
    """Return how many sessions fit into so many seconds, one at least and `MOST_PLACES` at most.

    Args:
        budget: seconds for one chunk of all sessions.
        seconds: that it takes for a number of sessions, asked for growing numbers.
    """
    fits, took = 1, seconds(1)
    while took <= budget and fits < MOST_PLACES:
        more = min(max(fits + 1, fits * 3 // 2), MOST_PLACES)
        next_took = seconds(more)
        if next_took > budget:
            return fits + int((more - fits) * (budget - took) / (next_took - took))
        fits, took = more, next_took
    return fits


class _Trial:
    """Sessions that nobody sees, in an engine whose clock stands still while it works: it is always in time."""

    def __init__(
        self,
        pipeline: FlowActPipeline,
        mark: Watermark,
        references: ReferenceCache,
        stepper: Stepper,
    ) -> None:
        self._now = 0.0
        self._events: list[Event] = []
        told, clock = self._events.append, lambda: self._now
        self._engine = Engine(pipeline, told, mark, references, clock, stepper)
        self._picture = sample_picture()

    def seconds(self, count: int) -> float:
        """Seconds of one chunk of so many sessions; infinity if there is no room for them."""
        for number in range(len(self._engine.sessions), count):
            opened = Create(f"place {number}", self._picture, seed=number, action="idling")
            self._engine.handle(opened)
        times = [self._advance() for _ in range(CHUNKS + TIMED_CHUNKS)]
        if any(isinstance(event, SessionError) for event in self._events):
            return math.inf
        self._events.clear()
        return min(times[-TIMED_CHUNKS:])

    def _advance(self) -> float:
        self._now += _LATER
        began = time.perf_counter()
        self._engine.advance()
        return time.perf_counter() - began

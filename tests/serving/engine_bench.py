"""An engine whose clock a test turns by hand."""

from __future__ import annotations

import numpy as np

from flowact.media.watermark import Watermark
from flowact.serving.engine import Engine
from flowact.serving.messages import (
    Create,
    MediaSegment,
)
from flowact.serving.reference_cache import ReferenceCache
from tests.tiny_assets import picture
from tests.tiny_pipeline import speech


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """An engine on a clock that is turned by hand."""

    def __init__(self, pipeline) -> None:
        self.events, self.clock = [], Clock()
        self.engine = Engine(
            pipeline, self.events.append, Watermark(), ReferenceCache(pipeline), now=self.clock
        )

    def do(self, *commands) -> Bench:
        for command in commands:
            self.engine.handle(command)
        return self

    def segments(self, turns: int) -> list[MediaSegment]:
        """Turn the clock to the next work so often: chunks of three pieces, or what there is of live sound."""
        before = len(self.events)
        for _ in range(turns):
            self.clock.now += self.engine.wait()
            self.engine.advance()
        return [event for event in self.events[before:] if isinstance(event, MediaSegment)]


def create(name: str, **changes) -> Create:
    return Create(name, picture().tobytes(), seed=5, action="idling", codec="jpeg", **changes)


def voice(chunks: float) -> np.ndarray:
    return speech(chunks * 0.48).read()

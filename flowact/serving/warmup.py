"""Running everything once, so that the first visitor does not pay for what only happens once."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from flowact import assets
from flowact.errors import UserError
from flowact.media.watermark import Watermark
from flowact.parallel.lockstep import Stepper
from flowact.pipeline import FlowActPipeline
from flowact.portrait import load_reference
from flowact.serving.engine import Engine
from flowact.serving.messages import Close, Create, Event, SessionError
from flowact.serving.reference_cache import ReferenceCache
from flowact.timebase import FRAME_SIZE

CHUNKS: Final = 4
"""After four chunks the memory is full and every shape of tensor has been seen."""


def sample_picture() -> bytes:
    """A portrait to try with: eyes and mouth are drawn only where there is a face."""
    return load_reference(assets.default_character().portrait).tobytes()


def warm_up(
    pipeline: FlowActPipeline, mark: Watermark, references: ReferenceCache, stepper: Stepper
) -> float:
    """Generate a few chunks of a session that nobody sees, then begin another one.

    Returns:
        The longest time between two signs of life of the second one, in seconds.

    Raises:
        UserError: that is not possible, for want of memory as a rule.
    """
    signs = _Signs()
    clock = iter(range(0, 10**6, 10))  # every look at it is ten seconds later: always due
    engine = Engine(pipeline, signs.take, mark, references, lambda: float(next(clock)), stepper)
    engine.handle(Create("warm-up", sample_picture(), seed=0, action="idling"))
    for _ in range(CHUNKS):
        engine.advance()
    engine.handle(Close("warm-up"))
    signs.forget()
    engine.handle(Create("measured", _another(sample_picture()), seed=0, action="idling"))
    engine.advance()
    if signs.error is not None:
        raise UserError(signs.error.message)
    return signs.longest_gap


class _Signs:
    """Takes what an engine says, as the supervisor does.

    Attributes:
        error: the first one, if there was any.
        longest_gap: seconds between two signs of life.
    """

    def __init__(self) -> None:
        self.error: SessionError | None = None
        self.forget()

    def forget(self) -> None:
        """Measure anew."""
        self._last, self.longest_gap = time.perf_counter(), 0.0

    def take(self, event: Event) -> None:
        """Note a sign of life."""
        now = time.perf_counter()
        self._last, self.longest_gap = now, max(self.longest_gap, now - self._last)
        if self.error is None and isinstance(event, SessionError):
            self.error = event


def _another(picture: bytes) -> bytes:
    """The picture the other way round, which is not known yet: looking at it is a part of what is slow."""
    pixels = np.frombuffer(picture, np.uint8).reshape(FRAME_SIZE, FRAME_SIZE, 3)
    return pixels[:, ::-1].tobytes()

"""Running everything once, so that the first visitor does not pay for what only happens once."""

from __future__ import annotations

from typing import Final

from flowact import assets
from flowact.errors import UserError
from flowact.media.watermark import Watermark
from flowact.parallel.lockstep import Stepper
from flowact.pipeline import FlowActPipeline
from flowact.portrait import load_reference
from flowact.serving.engine import Engine
from flowact.serving.messages import Create, Event, SessionError
from flowact.serving.reference_cache import ReferenceCache

CHUNKS: Final = 4
"""After four chunks the memory is full and every shape of tensor has been seen."""


def sample_picture() -> bytes:
    """A portrait to try with: eyes and mouth are drawn only where there is a face."""
    return load_reference(assets.default_character().portrait).tobytes()


def warm_up(
    pipeline: FlowActPipeline, mark: Watermark, references: ReferenceCache, stepper: Stepper
) -> None:
    """Generate a few chunks of a session that nobody sees.

    Raises:
        UserError: that is not possible, for want of memory as a rule.
    """
    events: list[Event] = []
    clock = iter(range(0, 10**6, 10))  # every look at it is ten seconds later: always due
    engine = Engine(pipeline, events.append, mark, references, lambda: float(next(clock)), stepper)
    engine.handle(Create("warm-up", sample_picture(), seed=0, action="idling"))
    for _ in range(CHUNKS):
        engine.advance()
    for event in events:
        if isinstance(event, SessionError):
            raise UserError(event.message)

"""Places are found out by trying: more and more sessions, until a chunk of all takes too long."""

import math

import pytest

from flowact.media.watermark import Watermark
from flowact.parallel.lockstep import Alone
from flowact.serving import capacity
from flowact.serving.capacity import MOST_PLACES, measure_places, places_within
from flowact.serving.reference_cache import ReferenceCache
from tests.tiny_pipeline import tiny_pipeline


@pytest.mark.parametrize(
    ("seconds", "places"),
    [
        (lambda count: 0.1 + 0.1 * count, 3),
        (lambda count: 0.011 * count, 36),
        (lambda _count: 9.0, 1),  # a machine that is too slow serves one
        (lambda _count: 0.01, MOST_PLACES),
        (lambda count: 0.01 if count < 6 else math.inf, 4),  # memory is full somewhere above
    ],
)
def test_as_many_fit_as_are_in_time(seconds, places):
    assert places_within(0.4, seconds) == places


def test_sessions_are_really_generated(monkeypatch):
    monkeypatch.setattr(capacity, "MOST_PLACES", 2)
    monkeypatch.setattr(capacity, "BUSY", 1e9)
    pipeline = tiny_pipeline()
    stepper = Alone(pipeline.transformer, pipeline.scheduler.settings)
    references = ReferenceCache(pipeline, [])
    assert measure_places(pipeline, Watermark(visible=True), references, stepper) == 2

"""The engine without a model: the same messages, paced, spoken and handed over as a real one's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from flowact.serving.loopback import LOOP_FRAMES, SNAPSHOT_BYTES, LoopbackEngine
from flowact.serving.messages import (
    Continuation,
    Create,
    Depart,
    Departed,
    Interrupt,
    KeyFrame,
    MediaSegment,
    Say,
    SessionError,
)
from flowact.timebase import FPS, FRAME_SIZE, FRAMES_PER_LATENT, SAMPLES_PER_CHUNK

CREATE = Create("a", bytes(FRAME_SIZE * FRAME_SIZE * 3), 0, "idling", "h264")
SPEECH = np.arange(3 * SAMPLES_PER_CHUNK, dtype="<i2").tobytes()


class Bench:
    """An engine whose clock goes from one due time to the next."""

    def __init__(self, create: Create = CREATE) -> None:
        self.clock, self.events = 100.0, []
        self.engine = LoopbackEngine(self.events.append, lambda: self.clock)
        self.engine.handle(create)

    def run(self, seconds: float) -> list[MediaSegment]:
        first, end = len(self.events), self.clock + seconds
        while self.clock + self.engine.wait() <= end:
            self.clock += self.engine.wait() + 1e-6
            self.engine.step()
        self.clock = end
        return [one for one in self.events[first:] if isinstance(one, MediaSegment)]


def test_segments_come_at_the_pace_of_the_picture():
    segments = Bench().run(9.6)
    frames = sum(len(segment.frames) for segment in segments)
    assert abs(frames - 9.6 * FPS) <= 12 + 12, "one chunk ahead, one begun"
    assert [segment.index for segment in segments] == list(range(len(segments)))
    keys = [frame.key for segment in segments for frame in segment.frames]
    assert [at for at, key in enumerate(keys) if key] == list(range(0, len(keys), LOOP_FRAMES))


def test_a_reply_is_spoken_as_it_came_and_goes_on_where_it_was_given_away():
    bench = Bench()
    bench.run(1.0)
    bench.engine.handle(Say("a", 4, SPEECH, final=True))
    bench.engine.handle(Depart("a"))
    assert bench.engine.wait() == 0, "it takes a chunk along"
    bench.run(1.0)
    departed = bench.events[-1]
    assert isinstance(departed, Departed) and departed.epoch == 4
    said = [each for each in bench.events if isinstance(each, MediaSegment)]
    resumed = dataclasses.replace(CREATE, epoch=departed.epoch, resume=departed.resume)
    then = Bench(resumed).run(2.0)
    assert then[0].index == said[-1].index + 1 and then[0].frames[0].key
    spoken = b"".join(one.sound for one in said + then if one.epoch == 4 and one.speaking)
    assert spoken == SPEECH and sum(one.finished for one in then) == 1


def test_snapshots_are_as_large_as_real_ones_and_lead_on():
    segments = Bench().run(5.0)
    (first, *_) = [one for one in segments if one.snapshot]
    assert SNAPSHOT_BYTES < len(first.snapshot) < 130_000
    resume = Continuation(first.snapshot)
    assert Bench(dataclasses.replace(CREATE, resume=resume)).run(0.5)[0].index == first.index + 1


def test_an_interruption_and_a_lost_decoder_begin_with_a_key_frame():
    bench = Bench()
    bench.run(0.5)
    bench.engine.handle(Interrupt("a", 7))
    segments = bench.run(0.2)
    assert segments[0].flush and segments[0].epoch == 7 and segments[0].frames[0].key
    bench.engine.handle(KeyFrame("a"))
    assert bench.run(0.7)[0].frames[0].key and len(segments[0].frames) == FRAMES_PER_LATENT


@pytest.mark.parametrize("snapshot", [b"", b"short"])
def test_what_is_no_snapshot_ends_the_session_and_no_other(snapshot):
    bench = Bench()
    bench.engine.handle(Create("b", CREATE.picture, 0, "idling", resume=Continuation(snapshot)))
    assert isinstance(bench.events[-1], SessionError) and bench.events[-1].fatal
    assert bench.run(1.0)

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from flowact.runtime.engine import Engine
from flowact.runtime.marks import Mark
from flowact.runtime.messages import (
    Chunk,
    Close,
    Create,
    Interrupt,
    Puppet,
    PushAudio,
    Say,
    SetAction,
    Trouble,
)
from flowact.runtime.sound import to_pcm16
from flowact.timebase import SAMPLES_PER_CHUNK
from tests.tiny_assets import picture
from tests.tiny_pipeline import speech, tiny_pipeline


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """An engine on a clock that is turned by hand."""

    def __init__(self, pipeline) -> None:
        self.events, self.clock = [], Clock()
        self.engine = Engine(pipeline, self.events.append, Mark(), now=self.clock)

    def do(self, *commands) -> Bench:
        for command in commands:
            self.engine.handle(command)
        return self

    def chunks(self, turns: int) -> list[Chunk]:
        before = len(self.events)
        for _ in range(turns):
            self.clock.now += self.engine.wait()
            self.engine.advance()
        return [event for event in self.events[before:] if isinstance(event, Chunk)]


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture
def bench(pipeline):
    return Bench(pipeline)


def create(name: str, **changes) -> Create:
    return Create(name, picture().tobytes(), seed=5, action="idling", codec="jpeg", **changes)


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)), np.int16)


def voice(chunks: float) -> np.ndarray:
    return speech(chunks * 0.48).read()


def test_a_session_streams_from_its_creation_on_and_idles_in_silence(bench):
    chunks = bench.do(create("a")).chunks(2)
    assert [chunk.index for chunk in chunks] == [0, 1]
    assert all(len(chunk.frames) == 12 and not any(chunk.sound) for chunk in chunks)


def test_a_reply_is_heard_exactly_and_once_and_silence_follows(bench):
    sound = voice(1.5)
    bench.do(create("a")).chunks(1)
    chunks = bench.do(Say("a", 1, to_pcm16(sound), final=True)).chunks(3)
    heard = b"".join(chunk.sound for chunk in chunks)
    assert heard.startswith(to_pcm16(sound))
    assert not any(heard[len(sound) * 2 :])
    assert [chunk.finished for chunk in chunks] == [False, True, False]
    assert [chunk.speaking for chunk in chunks] == [True, True, False]


def test_the_same_sound_in_pieces_gives_the_same_pictures(pipeline):
    sound, made = voice(2), []
    for pieces in (1, 2):
        bench = Bench(pipeline).do(create("a"))
        blocks = np.split(sound, pieces)
        says = [Say("a", 1, to_pcm16(block), block is blocks[-1]) for block in blocks]
        made.append([chunk.frames for chunk in bench.do(*says).chunks(2)])
    assert made[0] == made[1]


def test_an_interruption_is_wanted_at_once_flushes_and_is_silent(bench):
    bench.do(create("a"), Say("a", 1, to_pcm16(voice(4)), final=True)).chunks(2)
    assert bench.engine.wait() > 0
    bench.do(Interrupt("a", 2))
    assert bench.engine.wait() == 0
    (chunk,) = bench.chunks(1)
    assert chunk.flush and chunk.epoch == 2 and chunk.frames[0].key and not any(chunk.sound)
    assert not bench.chunks(1)[0].flush


def test_an_action_changes_the_next_chunk(pipeline):
    made = []
    for phrase in ("idling", "waving"):
        bench = Bench(pipeline).do(create("a"))
        first = bench.chunks(1)[0].frames
        made.append((first, bench.do(SetAction("a", phrase)).chunks(1)[0].frames))
    assert made[0][0] == made[1][0]
    assert made[0][1] != made[1][1]


def test_a_puppet_says_what_the_microphone_hears(bench):
    sound = voice(1.5)
    bench.do(create("a"), Puppet("a", 1)).chunks(1)
    bench.do(PushAudio("a", to_pcm16(sound[: SAMPLES_PER_CHUNK + 1280]), 123.0))
    (chunk,) = bench.chunks(1)
    assert chunk.sound == to_pcm16(sound[:SAMPLES_PER_CHUNK])
    assert chunk.timings.heard == pytest.approx(123.0 - 0.08)


def test_sessions_stepped_together_are_what_they_are_alone(pipeline):
    together = Bench(pipeline).do(create("a"), create("b"))
    together.do(Say("b", 1, to_pcm16(voice(4)), final=True))
    chunks = together.chunks(5)
    alone = Bench(pipeline).do(create("a"))
    mine = [chunk.sound for chunk in chunks if chunk.session == "a"]
    assert not any(b"".join(mine))
    theirs = [chunk for chunk in chunks if chunk.session == "b"]
    assert any(b"".join(chunk.sound for chunk in theirs))
    shared = next(chunk.frames for chunk in chunks if chunk.session == "a")
    for one, other in zip(alone.chunks(1)[0].frames, shared, strict=True):
        # A batch rounds its sums otherwise than a single session: a grey level here and there.
        assert np.abs(pixels(one.data) - pixels(other.data)).mean() < 0.5


def test_a_session_goes_on_from_its_snapshot_in_another_engine(pipeline):
    bench = Bench(pipeline).do(create("a"))
    first, second = bench.chunks(2)
    assert first.snapshot is not None
    other = Bench(pipeline).do(create("a", snapshot=first.snapshot))
    (resumed,) = other.chunks(1)
    assert resumed.index == second.index
    assert resumed.frames == second.frames


@pytest.mark.parametrize("bad", [{"snapshot": b"broken"}, {"codec": "av1"}])
def test_what_cannot_be_created_is_said_and_leaves_others_alone(bench, bad):
    fields = {"codec": "jpeg", **bad}
    bench.do(create("good"))
    bench.do(Create("bad", picture().tobytes(), 1, "idling", **fields))
    assert next(event for event in bench.events if isinstance(event, Trouble)).fatal
    assert {chunk.session for chunk in bench.chunks(1)} == {"good"}


def test_a_closed_session_is_gone_and_late_commands_for_it_are_harmless(bench):
    bench.do(create("a"), Close("a"), Interrupt("a", 3), Close("a"))
    assert bench.engine.sessions == {}
    assert bench.chunks(1) == []

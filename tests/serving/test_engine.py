from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from flowact.media.watermark import Mark
from flowact.serving.audio_source import to_pcm16
from flowact.serving.engine import Engine
from flowact.serving.messages import (
    Close,
    Create,
    Interrupt,
    Piece,
    Puppet,
    PushAudio,
    Say,
    SetAction,
    Trouble,
)
from flowact.serving.reference_cache import Looks
from flowact.timebase import SAMPLES_PER_CHUNK, SAMPLES_PER_LATENT
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
        self.engine = Engine(pipeline, self.events.append, Mark(), Looks(pipeline), now=self.clock)

    def do(self, *commands) -> Bench:
        for command in commands:
            self.engine.handle(command)
        return self

    def pieces(self, turns: int) -> list[Piece]:
        """Turn the clock to the next chunk so often; every chunk is three pieces."""
        before = len(self.events)
        for _ in range(turns):
            self.clock.now += self.engine.wait()
            self.engine.advance()
        return [event for event in self.events[before:] if isinstance(event, Piece)]


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
    pieces = bench.do(create("a")).pieces(2)
    assert [piece.index for piece in pieces] == list(range(6))
    assert all(len(piece.frames) == 4 and not any(piece.sound) for piece in pieces)
    assert pieces[0].timings.denoise > 0 == pieces[1].timings.denoise


def test_a_reply_is_heard_exactly_and_once_and_silence_follows(bench):
    sound = voice(1.5)
    bench.do(create("a")).pieces(1)
    pieces = bench.do(Say("a", 1, to_pcm16(sound), final=True)).pieces(3)
    heard = b"".join(piece.sound for piece in pieces)
    assert heard.startswith(to_pcm16(sound))
    assert not any(heard[len(sound) * 2 :])
    assert [piece.index for piece in pieces if piece.finished] == [8]
    assert [piece.speaking for piece in pieces] == [True] * 6 + [False] * 3


def test_the_same_sound_in_pieces_gives_the_same_pictures(pipeline):
    sound, made = voice(2), []
    for pieces in (1, 2):
        bench = Bench(pipeline).do(create("a"))
        blocks = np.split(sound, pieces)
        says = [Say("a", 1, to_pcm16(block), block is blocks[-1]) for block in blocks]
        made.append([piece.frames for piece in bench.do(*says).pieces(2)])
    assert made[0] == made[1]


def test_an_interruption_is_wanted_at_once_flushes_and_is_silent(bench):
    bench.do(create("a"), Say("a", 1, to_pcm16(voice(4)), final=True)).pieces(2)
    assert bench.engine.wait() > 0
    bench.do(Interrupt("a", 2))
    assert bench.engine.wait() == 0
    pieces = bench.pieces(2)
    assert [piece.flush for piece in pieces] == [True] + [False] * 5
    assert {piece.epoch for piece in pieces} == {2}
    assert pieces[0].frames[0].key and not any(b"".join(piece.sound for piece in pieces))


def test_in_a_hurry_those_who_do_not_speak_are_painted_coarsely(pipeline, monkeypatch):
    made, asked = {}, []
    decode = pipeline.tokenizer.decode_uint8

    def spy(*given, coarse):
        asked.append(coarse)
        return decode(*given, coarse=coarse)

    monkeypatch.setattr(pipeline.tokenizer, "decode_uint8", spy)
    for hurried in (False, True):
        bench = Bench(pipeline).do(create("a"))
        bench.engine._busyness.overloaded = hurried
        made[hurried] = bench.pieces(1)[0].frames
        bench.do(Say("a", 1, to_pcm16(voice(1)), final=True)).pieces(1)
    assert made[False] != made[True]
    assert asked == [False] * 6 + [True] * 3 + [False] * 3


def test_an_action_changes_the_next_chunk(pipeline):
    made = []
    for phrase in ("idling", "waving"):
        bench = Bench(pipeline).do(create("a"))
        first = bench.pieces(1)[0].frames
        made.append((first, bench.do(SetAction("a", phrase)).pieces(1)[0].frames))
    assert made[0][0] == made[1][0]
    assert made[0][1] != made[1][1]


def test_a_puppet_says_what_the_microphone_hears(bench):
    sound = voice(1.5)
    bench.do(create("a"), Puppet("a", 1)).pieces(1)
    bench.do(PushAudio("a", to_pcm16(sound[: SAMPLES_PER_CHUNK + 1280]), 123.0))
    pieces = bench.pieces(1)
    assert b"".join(piece.sound for piece in pieces) == to_pcm16(sound[:SAMPLES_PER_CHUNK])
    assert pieces[0].sound == to_pcm16(sound[:SAMPLES_PER_LATENT])
    assert [piece.timings.heard for piece in pieces] == pytest.approx([122.6, 122.76, 122.92])


def test_sessions_stepped_together_are_what_they_are_alone(pipeline):
    together = Bench(pipeline).do(create("a"), create("b"))
    together.do(Say("b", 1, to_pcm16(voice(4)), final=True))
    pieces = together.pieces(5)
    alone = Bench(pipeline).do(create("a"))
    mine = [piece.sound for piece in pieces if piece.session == "a"]
    assert not any(b"".join(mine))
    theirs = [piece for piece in pieces if piece.session == "b"]
    assert any(b"".join(piece.sound for piece in theirs))
    shared = next(piece.frames for piece in pieces if piece.session == "a")
    for one, other in zip(alone.pieces(1)[0].frames, shared, strict=True):
        # A batch rounds its sums otherwise than a single session: a grey level here and there.
        assert np.abs(pixels(one.data) - pixels(other.data)).mean() < 0.5


def test_a_session_whose_memory_is_broken_ends_and_the_other_goes_on(pipeline):
    bench = Bench(pipeline).do(create("good"), create("bad"))
    bench.pieces(1)
    session = bench.engine.sessions["bad"]
    state = session.moment.state
    broken = replace(state.memory, reference=torch.full_like(state.memory.reference, np.nan))
    session.moment = replace(session.moment, state=replace(state, memory=broken))
    assert {piece.session for piece in bench.pieces(3)} == {"good"}
    troubles = [event for event in bench.events if isinstance(event, Trouble)]
    assert [(trouble.session, trouble.fatal) for trouble in troubles] == [
        ("bad", False),
        ("bad", True),
    ]
    assert list(bench.engine.sessions) == ["good"]


def test_a_session_goes_on_from_its_snapshot_in_another_engine(pipeline):
    bench = Bench(pipeline).do(create("a"))
    first, second = bench.pieces(1), bench.pieces(1)
    assert [piece.snapshot is None for piece in first] == [True, True, False]
    other = Bench(pipeline).do(create("a", snapshot=first[-1].snapshot))
    resumed = other.pieces(1)
    assert [piece.index for piece in resumed] == [piece.index for piece in second]
    assert [piece.frames for piece in resumed] == [piece.frames for piece in second]


@pytest.mark.parametrize("bad", [{"snapshot": b"broken"}, {"codec": "av1"}])
def test_what_cannot_be_created_is_said_and_leaves_others_alone(bench, bad):
    fields = {"codec": "jpeg", **bad}
    bench.do(create("good"))
    bench.do(Create("bad", picture().tobytes(), 1, "idling", **fields))
    assert next(event for event in bench.events if isinstance(event, Trouble)).fatal
    assert {piece.session for piece in bench.pieces(1)} == {"good"}


def test_a_closed_session_is_gone_and_late_commands_for_it_are_harmless(bench):
    bench.do(create("a"), Close("a"), Interrupt("a", 3), Close("a"))
    assert bench.engine.sessions == {}
    assert bench.pieces(1) == []

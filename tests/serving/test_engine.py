from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from flowact.errors import UserError
from flowact.media.watermark import Watermark
from flowact.serving.audio_source import ENOUGH, to_pcm16
from flowact.serving.engine import Engine
from flowact.serving.messages import (
    Close,
    Continuation,
    Create,
    Depart,
    Departed,
    Interrupt,
    MediaSegment,
    PendingSound,
    Puppet,
    PushAudio,
    Say,
    SessionError,
    SetAction,
)
from flowact.serving.reference_cache import ReferenceCache
from flowact.serving.warmup import warm_up
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_LATENT
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
        self.engine = Engine(
            pipeline, self.events.append, Watermark(), ReferenceCache(pipeline), now=self.clock
        )

    def do(self, *commands) -> Bench:
        for command in commands:
            self.engine.handle(command)
        return self

    def segments(self, turns: int) -> list[MediaSegment]:
        """Turn the clock to the next chunk so often; every chunk is three pieces."""
        before = len(self.events)
        for _ in range(turns):
            self.clock.now += self.engine.wait()
            self.engine.advance()
        return [event for event in self.events[before:] if isinstance(event, MediaSegment)]


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


def difference(some: list[MediaSegment], others: list[MediaSegment]) -> float:
    """Mean difference of all pictures, in levels of 255."""
    pairs = zip(some, others, strict=True)
    frames = [pair for one, two in pairs for pair in zip(one.frames, two.frames, strict=True)]
    return float(np.mean([np.abs(pixels(a.data) - pixels(b.data)).mean() for a, b in frames]))


def voice(chunks: float) -> np.ndarray:
    return speech(chunks * 0.48).read()


def test_a_session_streams_from_its_creation_on_and_idles_in_silence(bench):
    segments = bench.do(create("a")).segments(2)
    assert [segment.index for segment in segments] == list(range(6))
    assert all(len(segment.frames) == 4 and not any(segment.sound) for segment in segments)
    assert segments[0].timings.denoise > 0 == segments[1].timings.denoise


def test_a_reply_is_heard_exactly_and_once_and_silence_follows(bench):
    sound = voice(1.5)
    bench.do(create("a")).segments(1)
    segments = bench.do(Say("a", 1, to_pcm16(sound), final=True)).segments(3)
    heard = b"".join(segment.sound for segment in segments)
    assert heard.startswith(to_pcm16(sound))
    assert not any(heard[len(sound) * 2 :])
    assert [segment.index for segment in segments if segment.finished] == [8]
    assert [segment.speaking for segment in segments] == [True] * 6 + [False] * 3


def test_a_reply_to_a_silent_session_is_wanted_at_once(bench):
    bench.do(create("a")).segments(2)
    bench.clock.now += 0.05
    assert bench.engine.wait() > 0, "the next silence is not due yet"
    bench.do(Say("a", 1, to_pcm16(voice(2.0)), final=True))
    assert bench.engine.wait() == 0
    bench.segments(1)
    assert bench.engine.wait() > 0, "what follows is due as ever"


def test_the_same_sound_in_pieces_gives_the_same_pictures(pipeline):
    sound, made = voice(2), []
    for segments in (1, 2):
        bench = Bench(pipeline).do(create("a"))
        blocks = np.split(sound, segments)
        says = [Say("a", 1, to_pcm16(block), block is blocks[-1]) for block in blocks]
        made.append([segment.frames for segment in bench.do(*says).segments(2)])
    assert made[0] == made[1]


def test_an_interruption_is_wanted_at_once_flushes_and_is_silent(bench):
    bench.do(create("a"), Say("a", 1, to_pcm16(voice(4)), final=True)).segments(2)
    assert bench.engine.wait() > 0
    bench.do(Interrupt("a", 2))
    assert bench.engine.wait() == 0
    segments = bench.segments(2)
    assert [segment.flush for segment in segments] == [True] + [False] * 5
    assert {segment.epoch for segment in segments} == {2}
    assert segments[0].frames[0].key and not any(b"".join(segment.sound for segment in segments))


def test_in_a_hurry_those_who_do_not_speak_are_painted_coarsely(pipeline, monkeypatch):
    made, asked = {}, []
    decode = pipeline.tokenizer.decode_uint8

    def spy(*given, coarse):
        asked.append(coarse)
        return decode(*given, coarse=coarse)

    monkeypatch.setattr(pipeline.tokenizer, "decode_uint8", spy)
    for hurried in (False, True):
        bench = Bench(pipeline).do(create("a"))
        bench.engine._load_meter.overloaded = hurried
        made[hurried] = bench.segments(1)[0].frames
        bench.do(Say("a", 1, to_pcm16(voice(1)), final=True)).segments(1)
    assert made[False] != made[True]
    assert asked == [False] * 6 + [True] * 3 + [False] * 3


def test_an_action_changes_the_next_chunk(pipeline):
    made = []
    for phrase in ("idling", "waving"):
        bench = Bench(pipeline).do(create("a"))
        first = bench.segments(1)[0].frames
        made.append((first, bench.do(SetAction("a", phrase)).segments(1)[0].frames))
    assert made[0][0] == made[1][0]
    assert made[0][1] != made[1][1]


def test_a_puppet_says_what_the_microphone_hears(bench):
    sound = voice(1.5)
    bench.do(create("a"), Puppet("a", 1)).segments(1)
    bench.do(PushAudio("a", to_pcm16(sound[: ENOUGH + 1280]), 123.0))
    segments = bench.segments(1)
    assert len(segments) == 1, "what follows is not here yet"
    bench.do(PushAudio("a", to_pcm16(sound[ENOUGH + 1280 :]), 123.5))
    segments += bench.segments(1)
    newest = sound[1280:][: 3 * SAMPLES_PER_LATENT]
    assert b"".join(segment.sound for segment in segments) == to_pcm16(newest)
    assert [segment.index for segment in segments] == [3, 4, 5]
    here = 123.5 - (len(sound) - 1280 - 3 * SAMPLES_PER_LATENT) / SAMPLE_RATE
    assert [each.timings.heard for each in segments] == pytest.approx([122.84, here - 0.16, here])


def test_a_puppet_waits_for_a_late_packet_and_begins_with_it(bench):
    sound = voice(2)
    bench.do(create("a"), Puppet("a", 1)).segments(1)
    bench.do(PushAudio("a", to_pcm16(sound[:ENOUGH]), 1.0)).segments(1)
    bench.clock.now += 0.17
    assert bench.engine.wait() > 0, "the latent is due, but its sound is not here"
    assert bench.segments(0) == []
    bench.do(PushAudio("a", to_pcm16(sound[:SAMPLES_PER_LATENT]), 1.5))
    assert bench.engine.wait() == 0
    late = bench.segments(1)
    assert len(late) == 1
    assert all(segment.speaking and np.isfinite(segment.timings.waited) for segment in late)


def test_live_sound_that_is_still_coming_is_not_made_early_beside_another_session(bench):
    sound = voice(2)
    bench.do(create("a"), Puppet("a", 1)).segments(1)
    bench.do(PushAudio("a", to_pcm16(sound[:ENOUGH]), 1.0)).segments(1)
    bench.clock.now += 0.3
    bench.do(create("b")).segments(1)
    bench.do(PushAudio("a", to_pcm16(sound[ENOUGH : ENOUGH + 640]), 1.3))
    assert {segment.session for segment in bench.segments(1)} == {"b"}
    bench.do(PushAudio("a", to_pcm16(sound[ENOUGH + 640 :][: SAMPLES_PER_LATENT - 640]), 1.6))
    (second,) = [segment for segment in bench.segments(1) if segment.session == "a"]
    assert second.sound == to_pcm16(sound[SAMPLES_PER_LATENT:][:SAMPLES_PER_LATENT])


def test_sessions_stepped_together_are_what_they_are_alone(pipeline):
    together = Bench(pipeline).do(create("a"), create("b"))
    together.do(Say("b", 1, to_pcm16(voice(4)), final=True))
    segments = together.segments(5)
    alone = Bench(pipeline).do(create("a"))
    mine = [segment.sound for segment in segments if segment.session == "a"]
    assert not any(b"".join(mine))
    theirs = [segment for segment in segments if segment.session == "b"]
    assert any(b"".join(segment.sound for segment in theirs))
    shared = next(segment.frames for segment in segments if segment.session == "a")
    for one, other in zip(alone.segments(1)[0].frames, shared, strict=True):
        # A batch rounds its sums otherwise than a single session: a grey level here and there.
        assert np.abs(pixels(one.data) - pixels(other.data)).mean() < 0.5


def test_a_session_whose_memory_is_broken_ends_and_the_other_goes_on(pipeline):
    bench = Bench(pipeline).do(create("good"), create("bad"))
    bench.segments(1)
    session = bench.engine.sessions["bad"]
    state = session.snapshot.state
    broken = replace(state.memory, reference=torch.full_like(state.memory.reference, np.nan))
    session.snapshot = replace(session.snapshot, state=replace(state, memory=broken))
    assert {segment.session for segment in bench.segments(3)} == {"good"}
    troubles = [event for event in bench.events if isinstance(event, SessionError)]
    assert [(trouble.session, trouble.fatal) for trouble in troubles] == [
        ("bad", False),
        ("bad", True),
    ]
    assert list(bench.engine.sessions) == ["good"]


def test_a_session_goes_on_from_its_snapshot_in_another_engine(pipeline):
    bench = Bench(pipeline).do(create("a"))
    first, second = bench.segments(1), bench.segments(1)
    assert [segment.snapshot is None for segment in first] == [True, True, False]
    other = Bench(pipeline).do(create("a", resume=Continuation(first[-1].snapshot)))
    resumed = other.segments(1)
    assert [segment.index for segment in resumed] == [segment.index for segment in second]
    assert difference(resumed, second) < 1.0


def test_a_session_goes_on_in_an_engine_of_another_number_format(pipeline):
    first = Bench(pipeline).do(create("a")).segments(1)
    rounded = Bench(tiny_pipeline().to(dtype=torch.bfloat16))
    rounded.do(create("a", resume=Continuation(first[-1].snapshot)))
    assert len(rounded.segments(2)) == 6
    assert not any(isinstance(event, SessionError) for event in rounded.events)


def test_a_session_that_cannot_go_on_begins_anew_and_says_so(bench):
    bench.do(create("a", resume=Continuation(b"broken")))
    (trouble,) = (event for event in bench.events if isinstance(event, SessionError))
    assert not trouble.fatal and "cannot be read" in trouble.message
    assert [segment.index for segment in bench.segments(1)] == [0, 1, 2]


def test_a_session_moves_in_the_middle_of_a_word(pipeline):
    sound = voice(4)
    stayed = Bench(pipeline).do(create("a"), Say("a", 1, to_pcm16(sound), final=True)).segments(5)
    old = Bench(pipeline).do(create("a"), Say("a", 1, to_pcm16(sound), final=True))
    shown = old.segments(2)
    old.do(Depart("a"))
    shown += old.segments(1)
    departed = old.events[-1]
    assert old.engine.sessions == {} and departed.epoch == 1
    new = Bench(pipeline).do(create("a", epoch=departed.epoch, resume=departed.resume))
    shown += new.segments(5 - len(shown) // 3)
    assert [segment.index for segment in shown] == list(range(15))
    assert [segment.sound for segment in shown] == [segment.sound for segment in stayed]
    assert [segment.finished for segment in shown] == [segment.finished for segment in stayed]
    assert difference(shown, stayed) < 1.0


def test_a_session_makes_one_more_chunk_at_once_before_it_leaves(bench):
    bench.do(create("a"))
    bench.segments(1)
    assert bench.engine.wait() > 0
    bench.do(Depart("a"))
    assert not any(isinstance(event, Departed) for event in bench.events)
    assert bench.engine.wait() == 0, "its viewer has more in hand then, whatever the way takes"
    assert len(bench.segments(1)) == 3
    assert isinstance(bench.events[-1], Departed) and not bench.engine.sessions


def test_a_microphone_moves_with_what_it_has_heard(pipeline):
    old = Bench(pipeline).do(create("a"), Puppet("a", 1))
    old.segments(1)
    sound = voice(2)
    old.do(PushAudio("a", to_pcm16(sound[:1280]), 5.0), Depart("a"))
    old.segments(1)
    departed = old.events[-1]
    assert departed.resume.source.kind == "microphone"
    new = Bench(pipeline).do(create("a", epoch=1, resume=departed.resume))
    new.do(PushAudio("a", to_pcm16(sound[1280:ENOUGH]), 6.0))
    heard = b"".join(segment.sound for segment in new.segments(1))
    assert heard == to_pcm16(sound[:SAMPLES_PER_LATENT])


def begun(bench: Bench) -> Bench:
    """A session of which a chunk is shown in part."""
    bench.do(create("a"), Puppet("a", 1)).segments(1)
    bench.do(PushAudio("a", to_pcm16(voice(2)[:ENOUGH]), 1.0))
    assert [segment.index for segment in bench.segments(1)] == [3]
    return bench


def test_an_interruption_in_the_middle_of_a_chunk_shows_the_rest_of_it_in_silence(bench):
    rest = begun(bench).do(Interrupt("a", 2)).segments(1)
    assert [segment.index for segment in rest] == [4, 5]
    assert [segment.flush for segment in rest] == [True, False]
    assert not any(b"".join(segment.sound for segment in rest))
    assert [segment.index for segment in bench.segments(1)] == [6, 7, 8]


def test_a_reply_in_the_middle_of_a_chunk_is_heard_from_its_first_sample(bench):
    sound = to_pcm16(voice(2))
    begun(bench).do(Say("a", 2, sound, final=True))
    segments = bench.segments(2)
    assert [segment.index for segment in segments] == [4, 5, 6, 7, 8]
    assert sound.startswith(b"".join(segment.sound for segment in segments))


def test_a_session_leaves_when_the_chunk_that_it_shows_is_whole(bench):
    begun(bench).do(Depart("a"))
    assert not any(isinstance(event, Departed) for event in bench.events)
    bench.do(PushAudio("a", to_pcm16(voice(2)), 1.5))
    assert [segment.index for segment in bench.segments(1)] == [4, 5]
    assert isinstance(bench.events[-1], Departed)


def test_latents_shown_one_by_one_move_a_session_on_as_those_shown_together(pipeline):
    sound, made = voice(2), []
    after = [ENOUGH, ENOUGH + SAMPLES_PER_LATENT, ENOUGH + 2 * SAMPLES_PER_LATENT]
    for bounds in ([0, after[0], after[2]], [0, *after]):
        bench, segments = Bench(pipeline).do(create("a"), Puppet("a", 1)), []
        bench.segments(1)
        for here, there in pairwise(bounds):
            bench.do(PushAudio("a", to_pcm16(sound[here:there]), 1.0))
            segments += bench.segments(1)
        made.append((segments, bench.engine.sessions["a"].snapshot.state))
    (together, one), (singly, other) = made
    assert [segment.sound for segment in together] == [segment.sound for segment in singly]
    assert torch.equal(one.stream, other.stream)
    assert one.emitted.equal(other.emitted)


def test_an_interruption_is_shown_before_its_session_leaves(bench):
    bench.do(create("a"), Say("a", 1, to_pcm16(voice(4)), final=True))
    bench.segments(2)
    bench.do(Interrupt("a", 2), Depart("a"))
    assert bench.segments(1)[0].flush
    assert bench.events[-1].resume.source == PendingSound()


@pytest.mark.parametrize("bad", [{"codec": "av1"}, {"picture": b"no picture"}])
def test_what_cannot_be_created_is_said_and_leaves_others_alone(bench, bad):
    bench.do(create("good"))
    bench.do(replace(create("bad"), **bad))
    assert next(event for event in bench.events if isinstance(event, SessionError)).fatal
    assert {segment.session for segment in bench.segments(1)} == {"good"}


def test_a_closed_session_is_gone_and_late_commands_for_it_are_harmless(bench):
    bench.do(create("a"), Close("a"), Interrupt("a", 3), Close("a"))
    assert bench.engine.sessions == {}
    assert bench.segments(1) == []


@pytest.mark.parametrize("place", ["denoise", "decode"])
def test_a_full_memory_is_told_and_the_session_goes_on(bench, monkeypatch, place: str) -> None:
    bench.do(create("a"), create("b")).segments(2)
    before = {name: each.chunk for name, each in bench.engine.sessions.items()}

    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with monkeypatch.context() as patch:
        if place == "decode":
            patch.setattr(type(bench.engine._pipeline.tokenizer), "decode_uint8", full)
        else:
            patch.setattr(bench.engine, "_stepper", full)
        bench.segments(1)
    told = [event for event in bench.events if isinstance(event, SessionError)]
    assert {event.session for event in told} == {"a", "b"} == set(bench.engine.sessions)
    assert all(e.message.startswith("The memory is full") and not e.fatal for e in told)
    assert {name: each.chunk for name, each in bench.engine.sessions.items()} == before
    assert {segment.session for segment in bench.segments(2)} == {"a", "b"}


def test_a_worker_whose_memory_is_full_from_the_start_says_so(pipeline) -> None:
    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(UserError, match="The memory is full: a smaller preset"):
        warm_up(pipeline, Watermark(), ReferenceCache(pipeline), full)

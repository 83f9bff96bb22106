from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from flowact.errors import UserError
from flowact.media.watermark import Watermark
from flowact.serving.audio_source import to_pcm16
from flowact.serving.messages import (
    Close,
    Continuation,
    Depart,
    Departed,
    Interrupt,
    MediaSegment,
    PendingSound,
    Say,
    SessionError,
    SetAction,
)
from flowact.serving.reference_cache import ReferenceCache
from flowact.serving.warmup import warm_up
from tests.serving.engine_bench import Bench, create, voice
from tests.tiny_pipeline import tiny_pipeline


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)), np.int16)


def difference(some: list[MediaSegment], others: list[MediaSegment]) -> float:
    """Mean difference of all pictures, in levels of 255."""
    pairs = zip(some, others, strict=True)
    frames = [pair for one, two in pairs for pair in zip(one.frames, two.frames, strict=True)]
    return float(np.mean([np.abs(pixels(a.data) - pixels(b.data)).mean() for a, b in frames]))


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
        bench.segments(3)  # together, then each alone
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

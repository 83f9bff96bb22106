"""Between two segments of a chunk a session can be told something else."""

from __future__ import annotations

import pytest

from flowact.serving.audio_source import ENOUGH, to_pcm16
from flowact.serving.messages import (
    Close,
    Depart,
    Departed,
    Interrupt,
    MediaSegment,
    Puppet,
    PushAudio,
    Say,
    SetAction,
)
from tests.serving.engine_bench import Bench, create, voice


def steps(bench: Bench, count: int) -> list[MediaSegment]:
    """Let the engine work so often, as a worker does between two looks at its commands."""
    before = len(bench.events)
    for _ in range(count):
        bench.clock.now += bench.engine.wait()
        bench.engine.step()
    return [event for event in bench.events[before:] if isinstance(event, MediaSegment)]


@pytest.fixture
def silent(bench: Bench) -> Bench:
    """A session of whose second chunk one silent segment is shown."""
    bench.do(create("a")).segments(1)
    assert [segment.index for segment in steps(bench, 1)] == [3]
    assert bench.engine.wait() == 0
    return bench


def test_a_reply_does_not_wait_for_the_silence_that_is_being_painted(silent: Bench) -> None:
    sound = to_pcm16(voice(2))
    segments = silent.do(Say("a", 1, sound, final=True)).segments(2)
    assert [segment.index for segment in segments] == [4, 5, 6, 7, 8]
    assert {segment.epoch for segment in segments} == {1}
    assert sound.startswith(b"".join(segment.sound for segment in segments))


def test_more_of_the_same_reply_changes_nothing_of_what_is_being_painted(bench: Bench) -> None:
    sound = voice(3)
    bench.do(create("a")).segments(1)
    bench.do(Say("a", 1, to_pcm16(sound[:7680]), final=False))
    segments = steps(bench, 1)
    bench.do(Say("a", 1, to_pcm16(sound[7680:]), final=True))
    segments += steps(bench, 5)
    assert [segment.index for segment in segments] == list(range(3, 9))
    assert b"".join(segment.sound for segment in segments) == to_pcm16(sound[: 6 * 2560])
    begun = [segment.index for segment in segments if segment.timings.denoise]
    assert begun == [3, 6], "the chunk was not made anew"


def test_an_interruption_does_not_wait_for_the_speech_that_is_being_painted(bench: Bench) -> None:
    bench.do(create("a")).segments(1)
    bench.do(Say("a", 1, to_pcm16(voice(4)), final=True))
    steps(bench, 1)
    rest = bench.do(Interrupt("a", 2)).segments(1)
    assert [(segment.index, segment.flush) for segment in rest] == [(4, True), (5, False)]
    assert not any(b"".join(segment.sound for segment in rest))


def test_what_is_being_painted_belongs_to_the_reply_that_it_was_made_for(silent: Bench) -> None:
    segments = steps(silent.do(Puppet("a", 7), SetAction("a", "waving")), 2)
    assert [(segment.index, segment.epoch) for segment in segments] == [(4, 0), (5, 0)]


def test_nothing_more_is_painted_for_a_session_that_was_closed(silent: Bench) -> None:
    assert steps(silent.do(Close("a")), 1) == []
    assert silent.engine.wait() == 1


def test_a_session_that_is_to_leave_while_it_is_painted_takes_a_chunk_along(silent: Bench) -> None:
    segments = steps(silent.do(Depart("a")), 5)
    assert [segment.index for segment in segments] == [4, 5, 6, 7, 8]
    assert isinstance(silent.events[-1], Departed)


def test_who_speaks_live_does_not_wait_for_the_silence_of_another(bench: Bench) -> None:
    sound = to_pcm16(voice(2))
    bench.do(create("b"), Puppet("b", 1)).segments(1)
    bench.do(PushAudio("b", sound[: ENOUGH * 2], 1.0)).segments(1)
    bench.clock.now += 0.1
    bench.do(create("a"))
    order = [segment.session for segment in steps(bench, 1)]
    bench.do(PushAudio("b", sound[ENOUGH * 2 :][: 2560 * 2], 1.2))
    order += [segment.session for segment in steps(bench, 3)]
    assert order == ["a", "a", "b", "a"], "but for what is wanted at once"

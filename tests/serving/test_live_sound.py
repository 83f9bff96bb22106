"""What a microphone hears is spoken latent by latent."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from flowact.serving.audio_source import ENOUGH, to_pcm16
from flowact.serving.messages import (
    Depart,
    Departed,
    Interrupt,
    Puppet,
    PushAudio,
    Say,
)
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_LATENT
from tests.serving.engine_bench import Bench, create, voice


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

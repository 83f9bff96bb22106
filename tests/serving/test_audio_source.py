import numpy as np
import pytest

from flowact.serving.audio_source import (
    LISTEN_AHEAD,
    MOST_BACKLOG,
    MOST_PENDING,
    PATIENCE,
    Microphone,
    Reply,
    Silence,
    from_pcm16,
    to_pcm16,
)
from flowact.timebase import SAMPLES_PER_CHUNK


def ramp(length: int) -> np.ndarray:
    return np.linspace(-0.5, 0.5, length, dtype=np.float32)


def test_silence_is_known_as_far_as_the_model_listens():
    assert len(Silence().ahead()) == LISTEN_AHEAD
    assert not Silence().ahead().any()
    assert not Silence().take().speaking


def test_a_reply_is_spoken_sample_for_sample_whatever_the_blocks():
    samples, reply = ramp(3 * SAMPLES_PER_CHUNK + 100), Reply()
    for block in np.split(samples, [5, 7_000, 20_000]):
        reply.extend(block, final=False)
    reply.extend(samples[:0], final=True)
    taken = [reply.take() for _ in range(4)]
    assert np.array_equal(np.concatenate([t.sound for t in taken])[: len(samples)], samples)
    assert [t.finished for t in taken] == [False, False, False, True]
    assert not taken[-1].sound[100:].any()


def test_what_follows_a_reply_is_unknown_until_it_has_ended():
    reply = Reply()
    reply.extend(ramp(SAMPLES_PER_CHUNK + 10), final=False)
    assert len(reply.ahead()) == SAMPLES_PER_CHUNK + 10
    reply.extend(ramp(0), final=True)
    assert len(reply.ahead()) == LISTEN_AHEAD


def test_a_reply_holds_a_bounded_amount():
    reply = Reply()
    with pytest.raises(ValueError, match=str(MOST_PENDING)):
        reply.extend(np.zeros(MOST_PENDING + 1, np.float32), final=False)


def test_a_microphone_begins_with_a_chunk_and_drops_what_is_older():
    microphone, samples = Microphone(), ramp(SAMPLES_PER_CHUNK + 640)
    microphone.push(samples[:-640], received=10.0)
    microphone.push(samples[-640:], received=10.04)
    taken = microphone.take()
    assert np.array_equal(taken.sound, samples[640:])
    assert taken.received == pytest.approx(10.04)


def test_a_microphone_is_silent_before_it_has_enough_and_starts_again_after_a_hole():
    microphone = Microphone()
    microphone.push(ramp(SAMPLES_PER_CHUNK - 1), received=1.0)
    assert not microphone.take().speaking
    microphone.push(ramp(101), received=1.1)
    assert microphone.take().speaking
    microphone.push(ramp(100), received=1.2)
    assert len(microphone.take().sound) == SAMPLES_PER_CHUNK  # what there is, then zeros
    assert not microphone.take().speaking


def test_live_sound_and_not_the_clock_says_when_a_chunk_begins():
    microphone = Microphone()
    assert microphone.begin(5.0) == 5.0, "silence is made by the clock"
    microphone.push(ramp(SAMPLES_PER_CHUNK), received=1.0)
    assert microphone.begin(5.0) < 0
    microphone.take()
    assert microphone.begin(5.0) == 5.0 + PATIENCE, "a late packet delays a chunk"
    microphone.push(ramp(SAMPLES_PER_CHUNK), received=1.5)
    assert microphone.begin(5.0) < 0


def test_a_microphone_never_hoards():
    microphone = Microphone()
    for _ in range(100):
        microphone.push(ramp(6_400), received=0.0)
    assert microphone.take().pending <= MOST_BACKLOG - SAMPLES_PER_CHUNK


def test_pcm_survives_the_way_there_and_back():
    samples = ramp(1000)
    assert np.abs(from_pcm16(to_pcm16(samples)) - samples).max() < 1e-4
    assert len(from_pcm16(b"\1\2\3")) == 1
    assert np.array_equal(
        from_pcm16(to_pcm16(np.array([9.0, -9.0], np.float32))) > 0, [True, False]
    )

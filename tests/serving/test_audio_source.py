import numpy as np
import pytest

from flowact.serving.audio_source import (
    ENOUGH,
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
from flowact.timebase import LATENTS_PER_CHUNK, SAMPLES_PER_CHUNK, SAMPLES_PER_LATENT


def ramp(length: int) -> np.ndarray:
    return np.linspace(-0.5, 0.5, length, dtype=np.float32)


def test_silence_is_known_as_far_as_the_model_listens():
    assert len(Silence().ahead(1)) == LISTEN_AHEAD
    assert not Silence().ahead(1).any()
    assert not Silence().take(1).speaking


def test_a_reply_is_spoken_sample_for_sample_whatever_the_blocks():
    samples, reply = ramp(3 * SAMPLES_PER_CHUNK + 100), Reply()
    for block in np.split(samples, [5, 7_000, 20_000]):
        reply.extend(block, final=False)
    reply.extend(samples[:0], final=True)
    taken = [reply.take(reply.ready(LATENTS_PER_CHUNK)) for _ in range(4)]
    assert np.array_equal(np.concatenate([t.sound for t in taken])[: len(samples)], samples)
    assert [t.finished for t in taken] == [False, False, False, True]
    assert not taken[-1].sound[100:].any()


def test_what_follows_a_reply_is_unknown_until_it_has_ended():
    reply = Reply()
    reply.extend(ramp(SAMPLES_PER_CHUNK + 10), final=False)
    assert len(reply.ahead(LATENTS_PER_CHUNK)) == SAMPLES_PER_CHUNK + 10
    reply.extend(ramp(0), final=True)
    assert len(reply.ahead(LATENTS_PER_CHUNK)) == LISTEN_AHEAD


def test_a_reply_holds_a_bounded_amount():
    reply = Reply()
    with pytest.raises(ValueError, match=str(MOST_PENDING)):
        reply.extend(np.zeros(MOST_PENDING + 1, np.float32), final=False)


def test_a_microphone_begins_with_enough_and_drops_what_is_older():
    microphone, samples = Microphone(), ramp(ENOUGH + 640)
    microphone.push(samples[:-640], received=10.0)
    microphone.push(samples[-640:], received=10.04)
    assert microphone.ready(LATENTS_PER_CHUNK) == 1
    assert np.array_equal(microphone.ahead(1), samples[640:])
    taken = microphone.take(1)
    assert np.array_equal(taken.sound, samples[640:][:SAMPLES_PER_LATENT])
    assert taken.received == pytest.approx(10.04 - 0.16)


def test_every_latent_is_taken_when_its_lips_have_heard_what_follows():
    microphone, samples, taken = Microphone(), ramp(ENOUGH + SAMPLES_PER_LATENT), []
    microphone.push(samples[:ENOUGH], received=1.0)
    taken.append(microphone.take(microphone.ready(LATENTS_PER_CHUNK)))
    microphone.push(samples[ENOUGH:-1], received=1.15)
    assert microphone.begin(5.0) == 5.0 + PATIENCE
    microphone.push(samples[-1:], received=1.16)
    assert microphone.begin(5.0) < 0
    assert len(microphone.ahead(1)) == ENOUGH
    taken.append(microphone.take(microphone.ready(LATENTS_PER_CHUNK - 1)))
    heard = np.concatenate([each.sound for each in taken])
    assert np.array_equal(heard, samples[: 2 * SAMPLES_PER_LATENT])
    assert [each.received for each in taken] == pytest.approx([0.84, 1.0])


def test_who_is_late_makes_as_many_latents_at_once_as_have_come():
    microphone = Microphone()
    microphone.push(ramp(ENOUGH), received=1.0)
    microphone.take(1)
    microphone.push(ramp(2 * SAMPLES_PER_LATENT), received=1.5)
    assert microphone.ready(2) == 2
    microphone.take(2)
    microphone.push(ramp(3 * SAMPLES_PER_LATENT), received=2.0)
    assert microphone.ready(LATENTS_PER_CHUNK) == LATENTS_PER_CHUNK
    assert microphone.ready(1) == 1, "a chunk has no more"


def test_a_microphone_is_silent_before_it_has_enough_and_starts_again_after_a_hole():
    microphone = Microphone()
    microphone.push(ramp(ENOUGH - 1), received=1.0)
    assert microphone.ready(LATENTS_PER_CHUNK) == LATENTS_PER_CHUNK
    assert not microphone.take(LATENTS_PER_CHUNK).speaking
    microphone.push(ramp(101), received=1.1)
    assert microphone.take(2).speaking
    microphone.push(ramp(100), received=1.2)
    assert len(microphone.take(2).sound) == 2 * SAMPLES_PER_LATENT  # what there is, then zeros
    assert not microphone.take(1).speaking


def test_live_sound_and_not_the_clock_says_when_a_chunk_begins():
    microphone = Microphone()
    assert microphone.begin(5.0) == 5.0, "silence is made by the clock"
    microphone.push(ramp(ENOUGH), received=1.0)
    assert microphone.begin(5.0) < 0
    microphone.take(2)
    assert microphone.begin(5.0) == 5.0 + PATIENCE, "a late packet delays a chunk"
    microphone.push(ramp(ENOUGH), received=1.5)
    assert microphone.begin(5.0) < 0


def test_a_microphone_never_hoards():
    microphone = Microphone()
    for _ in range(100):
        microphone.push(ramp(6_400), received=0.0)
    assert microphone.take(1).pending <= MOST_BACKLOG - SAMPLES_PER_LATENT


def test_pcm_survives_the_way_there_and_back():
    samples = ramp(1000)
    assert np.abs(from_pcm16(to_pcm16(samples)) - samples).max() < 1e-4
    assert len(from_pcm16(b"\1\2\3")) == 1
    assert np.array_equal(
        from_pcm16(to_pcm16(np.array([9.0, -9.0], np.float32))) > 0, [True, False]
    )

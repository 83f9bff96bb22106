"""Sessions as bytes: whole, small, of a version, and harmless when damaged, whichever process decodes."""

import threading
from collections.abc import Iterator
from multiprocessing import Pipe

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from flowact.conditioning.window import AudioTimeline
from flowact.pipeline.remote_decoder import RemoteDecoder, serve_decoder
from flowact.serving.snapshot import SCHEMA, SessionSnapshot, restored, stored
from flowact.streaming.memory import MemoryBank
from flowact.streaming.state import SessionState
from tests.tiny_pipeline import tiny_pipeline

LATENTS = torch.randn(1, 3, 16, 8, 16, generator=torch.Generator().manual_seed(0))
MOST_BYTES = 130_000
CHUNKS = 41
SECONDS = 1.0
"""Of the past that a session of the default model still needs, and a little more."""


@pytest.fixture(params=["here", "apart"])
def tokenizer(request: pytest.FixtureRequest) -> Iterator[object]:
    own = tiny_pipeline().tokenizer
    if request.param == "here":
        yield own
        return
    ours, theirs = Pipe()
    arguments = (theirs, own, torch.device("cpu"))  # the decoder's process is a thread here
    threading.Thread(target=serve_decoder, args=arguments, daemon=True).start()
    yield RemoteDecoder(ours, uses_landmarks=False)
    ours.close()


@pytest.fixture
def features(tokenizer):
    return tokenizer.reference_features(torch.zeros(1, 3, 480, 480))


@pytest.fixture
def start(features) -> SessionState:
    return SessionState.start(features.latent[:, None].float(), [2**31 - 1])


@pytest.fixture
def snapshot(tokenizer, features, start) -> SessionSnapshot:
    """As large as the default model makes it, with a full memory and much to hear."""
    memory = MemoryBank(
        start.memory.reference, torch.randn(1, 3, 16, 8, 16), LATENTS[:, :2], (12, 9, 6)
    )
    emitted = torch.tensor([CHUNKS])
    state = SessionState(memory, start.stream, (0.25, 0.5, 1.0), start.generators, emitted)
    _, decoder = tokenizer.decode_uint8(tokenizer.initial_state(features), LATENTS[:, :1], features)
    noise = np.random.default_rng(0).integers(-32768, 32768, round((SECONDS + 2) * 16_000))
    sound = torch.from_numpy(noise.astype(np.float32) / 32768)
    return SessionSnapshot(
        state, decoder, AudioTimeline(sound, CHUNKS * 7680 - round(SECONDS * 16_000))
    )


def test_what_comes_back_is_what_was_written(tokenizer, features, start, snapshot) -> None:
    found = restored(stored(snapshot, tokenizer), tokenizer, features, start)
    assert found.state.levels == snapshot.state.levels and found.state.memory.ages == (12, 9, 6)
    assert torch.equal(found.state.generators, start.generators)
    assert found.state.emitted.tolist() == [CHUNKS]
    past = round(SECONDS * 16_000)
    assert torch.equal(found.timeline.samples, snapshot.timeline.samples[:past]), "no future"
    assert found.timeline.start == snapshot.timeline.start
    for name in ("reference", "long_term", "short_term"):
        one, other = getattr(found.state.memory, name), getattr(snapshot.state.memory, name)
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.state.stream, start.stream, rtol=1e-3, atol=1e-3)


def test_the_decoder_goes_on_where_it_was(tokenizer, features, start, snapshot) -> None:
    found = restored(stored(snapshot, tokenizer), tokenizer, features, start).decoder
    fresh = tokenizer.initial_state(features)
    straight, after, anew = (
        tokenizer.decode_uint8(state, LATENTS[:, 1:], features)[0].float()
        for state in (snapshot.decoder, found, fresh)
    )
    off, lost = ((other - straight).abs().mean() for other in (after, anew))
    assert off < 0.4 * lost, (
        "what was painted before is not kept, so the first pictures differ a little"
    )


def test_it_is_small_even_with_speech_in_it(tokenizer, snapshot) -> None:
    assert len(stored(snapshot, tokenizer)) <= MOST_BYTES


def test_another_version_another_model_and_damage_are_said(
    tokenizer, features, start, snapshot
) -> None:
    written = stored(snapshot, tokenizer)
    for damaged in (b"", b"none", written[:200], written[: len(written) // 2]):
        with pytest.raises(ValueError, match="cannot be read"):
            restored(damaged, tokenizer, features, start)
    other = save(load(written), {"schema": "flowact-session-99", "numbers": "{}"})
    with pytest.raises(ValueError, match=f"'flowact-session-99', not '{SCHEMA}'"):
        restored(other, tokenizer, features, start)
    larger = SessionState.start(torch.zeros(1, 1, 16, 16, 16), [0])
    with pytest.raises(ValueError, match="another model"):
        restored(written, tokenizer, features, larger)

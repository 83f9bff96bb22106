"""A session goes on from its snapshot, whichever process decodes; the decoder's process is a thread here."""

import threading
from collections.abc import Iterator
from dataclasses import astuple
from multiprocessing import Pipe

import pytest
import torch

from flowact.conditioning.window import AudioTimeline
from flowact.pipeline.remote_decoder import RemoteDecoder, serve_decoder
from flowact.serving.snapshot import SessionSnapshot, restored, stored
from flowact.streaming.state import SessionState
from tests.tiny_pipeline import tiny_pipeline

LATENTS = torch.randn(1, 2, 16, 8, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=["here", "apart"])
def tokenizer(request: pytest.FixtureRequest) -> Iterator[object]:
    own = tiny_pipeline().tokenizer
    if request.param == "here":
        yield own
        return
    ours, theirs = Pipe()
    arguments = (theirs, own, torch.device("cpu"))
    threading.Thread(target=serve_decoder, args=arguments, daemon=True).start()
    yield RemoteDecoder(ours, uses_landmarks=False)
    ours.close()


@torch.no_grad()
def test_a_session_goes_on_from_its_snapshot(tokenizer) -> None:
    features = tokenizer.reference_features(torch.zeros(1, 3, 480, 480))
    fresh = tokenizer.initial_state(features)
    _, decoder = tokenizer.decode_uint8(fresh, LATENTS[:, :1], features)
    state = SessionState.start(features.latent[:, None], [7])
    before = SessionSnapshot(state, decoder, AudioTimeline.empty())
    after = restored(stored(before, tokenizer), tokenizer, fresh)
    assert torch.equal(after.state.stream, state.stream)
    expected, _ = tokenizer.decode_uint8(decoder, LATENTS[:, 1:], features)
    assert torch.equal(tokenizer.decode_uint8(after.decoder, LATENTS[:, 1:], features)[0], expected)
    if not isinstance(tokenizer, RemoteDecoder):
        assert len(astuple(after.decoder)) == len(astuple(decoder))


def test_a_damaged_snapshot_is_refused(tokenizer) -> None:
    features = tokenizer.reference_features(torch.zeros(1, 3, 480, 480))
    with pytest.raises(ValueError, match="snapshot of 4 bytes cannot be read"):
        restored(b"none", tokenizer, tokenizer.initial_state(features))

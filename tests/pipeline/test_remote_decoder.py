"""A decoder over a real pipe paints what one in the same process paints; its process is a thread here."""

import gc
import threading
from multiprocessing import Pipe

import pytest
import torch

from flowact.pipeline import FlowActPipeline
from flowact.pipeline.remote_decoder import RemoteDecoder, serve_decoder
from flowact.tokenizer.tokenizer import Tokenizer
from tests.tiny_assets import picture
from tests.tiny_pipeline import speech, tiny_pipeline


@pytest.fixture
def remote():
    ours, theirs = Pipe()
    own = tiny_pipeline()
    arguments = (theirs, own.tokenizer, torch.device("cpu"))
    thread = threading.Thread(target=serve_decoder, args=arguments, daemon=True)
    thread.start()
    yield RemoteDecoder(ours, uses_landmarks=False)
    ours.close()
    thread.join(10)
    assert not thread.is_alive()


def test_frames_are_those_of_a_decoder_in_the_same_process(remote: RemoteDecoder) -> None:
    here = tiny_pipeline()
    there = FlowActPipeline(here.transformer, remote, here.scheduler)
    expected = [frame.image for frame in here.stream(picture(), speech(1.0))]
    made = [frame.image for frame in there.stream(picture(), speech(1.0))]
    assert len(made) == len(expected) == 25
    assert all((a == b).all() for a, b in zip(made, expected, strict=True))


def test_states_are_values_and_survive_as_snapshots(remote: RemoteDecoder) -> None:
    features = remote.reference_features(torch.zeros(1, 3, 480, 480))
    start = remote.initial_state(features)
    latents = torch.randn(1, 3, 16, 8, 16, generator=torch.Generator().manual_seed(0))
    first, middle = remote.decode_uint8(start, latents[:, :1], features)
    kept = remote.compact_state(middle)
    second, _ = remote.decode_uint8(middle, latents[:, 1:], features)
    again, _ = remote.decode_uint8(start, latents[:, :1], features)
    assert torch.equal(again, first)
    restored = remote.restored_state(kept, features)
    again, anew = (
        remote.decode_uint8(state, latents[:, 1:], features)[0] for state in (restored, start)
    )
    off, lost = ((other.float() - second.float()).abs().mean() for other in (again, anew))
    assert off < 0.4 * lost, "it goes on where it was, and does not begin anew"


def test_what_nobody_holds_is_forgotten(remote: RemoteDecoder, monkeypatch) -> None:
    dropped: list[int] = []
    call = remote._call
    features = remote.reference_features(torch.zeros(1, 3, 480, 480))
    state = remote.initial_state(features)
    for _ in range(4):
        _, state = remote.decode_uint8(state, torch.zeros(1, 1, 16, 8, 16), features)
        gc.collect()
    monkeypatch.setattr(remote, "_dropped", _noting(remote._dropped, dropped))
    call("compact", state.key)
    assert dropped == [4]  # the one before the last; those before it were told earlier
    with pytest.raises(RuntimeError, match="4"):
        call("compact", 4)


def _noting(queue, seen: list[int]):
    seen.extend(queue)
    return queue


def test_an_error_is_told_and_the_decoder_goes_on(remote: RemoteDecoder) -> None:
    features = remote.reference_features(torch.zeros(1, 3, 480, 480))
    state = remote.initial_state(features)
    with pytest.raises(RuntimeError):
        remote.decode_uint8(state, torch.zeros(1, 1, 3, 8, 16), features)
    assert remote.decode_uint8(state, torch.zeros(1, 1, 16, 8, 16), features)[0].shape[1] == 4


def test_a_full_memory_is_told_as_such(remote: RemoteDecoder, monkeypatch) -> None:
    """The other side ends no worker for it."""

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    features = remote.reference_features(torch.zeros(1, 3, 480, 480))
    state = remote.initial_state(features)
    monkeypatch.setattr(Tokenizer, "decode_uint8", full)
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        remote.decode_uint8(state, torch.zeros(1, 1, 16, 8, 16), features)

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLLTXVideo, AutoencoderKLWan

from flowact.pipeline import FlowActPipeline
from flowact.pipeline.sampling import SamplingConfig
from flowact.tokenizer.video import adapter
from flowact.tokenizer.video.adapter import DiffusersVideoTokenizer, _statistics
from tests.tiny_pipeline import speech
from tests.tiny_transformer import tiny_transformer


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """With several, oneDNN cuts products of other lengths into other sums: equal to 1e-6, not to the bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def wan() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        latents_mean=[0.1, 0.2, 0.3, 0.4], latents_std=[1.0, 2.0, 0.5, 1.5],
    )  # fmt: skip


def wan22() -> AutoencoderKLWan:
    """The second kind: residual shortcuts, pixels in patches, another width of the decoder."""
    return AutoencoderKLWan(
        base_dim=8, decoder_base_dim=12, z_dim=6, dim_mult=[1, 2, 2, 2], num_res_blocks=1,
        is_residual=True, in_channels=12, out_channels=12, patch_size=2, scale_factor_spatial=16,
        latents_mean=[0.1] * 6, latents_std=[1.5] * 6,
    )  # fmt: skip


def ltx() -> AutoencoderKLLTXVideo:
    return AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1), decoder_layers_per_block=(1, 1, 1, 1, 1),
        decoder_causal=True,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[wan, wan22, ltx])
def tokenizer(request) -> DiffusersVideoTokenizer:
    return made(request.param)


def made(kind, context: int = 3) -> DiffusersVideoTokenizer:
    torch.manual_seed(0)
    return DiffusersVideoTokenizer.wrap(kind().eval().requires_grad_(False), context=context)


@contextmanager
def counted_latents(tokenizer) -> Iterator[list[int]]:
    """How many latents every run of the decoder is given."""
    seen: list[int] = []
    hook = tokenizer.vae.decoder.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].shape[2])
    )
    yield seen
    hook.remove()


def pieces(tokenizer, state, z, features, sizes):
    """Decode in pieces of some sizes, giving control back after each."""
    for part in z.split(sizes, 1):
        frames, state = tokenizer.decode(state, part, features)
        yield frames, state


@pytest.mark.parametrize("kind", [wan, wan22])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_cached_decoding_is_decoding_the_whole_to_the_bit(kind, dtype) -> None:
    tokenizer = made(kind).to(dtype)
    sessions = []
    for seed in (1, 2):
        rng = torch.Generator().manual_seed(seed)
        portrait = torch.rand(1, 3, 64, 64, generator=rng) * 2 - 1
        features = tokenizer.reference_features(portrait)
        z = torch.randn(1, 7, *features.latent.shape[1:], generator=rng)
        whole = torch.cat([features.latent[:, None], z], 1)
        truth = tokenizer.vae.decode(tokenizer._raw(whole)).sample.transpose(1, 2)[:, 1:].float()
        sessions.append((features, z, truth))
    with counted_latents(tokenizer) as seen:
        running = [
            pieces(tokenizer, tokenizer.initial_state(features), z, features, [1, 2, 1, 3])
            for features, z, _ in sessions
        ]
        turns = list(zip(*running, strict=True))  # one piece of each in turn
    assert sum(seen) == 2 * (1 + 7), "every latent and the portrait once"
    for (_, _, truth), parts in zip(sessions, zip(*turns, strict=True), strict=True):
        assert torch.equal(torch.cat([frames for frames, _ in parts], 1), truth)


@pytest.mark.parametrize("kind", [wan, wan22])
def test_a_state_is_a_value_that_can_be_stored_and_kept(kind) -> None:
    tokenizer = made(kind)
    frames, portrait = video(tokenizer, 3)
    features, z = tokenizer.reference_features(portrait), tokenizer.encode(frames, portrait)
    _, state = tokenizer.decode(tokenizer.initial_state(features), z[:, :1], features)
    copies = [each.clone() for each in state.features]
    straight, _ = tokenizer.decode(state, z[:, 1:], features)
    assert all(torch.equal(*pair) for pair in zip(copies, state.features, strict=True))
    shapes = {each.shape for each in state.features}
    assert shapes == {each.shape for each in tokenizer.initial_state(features).features}
    restored = tokenizer.restored_state(tokenizer.compact_state(state), features)
    again, _ = tokenizer.decode(restored, z[:, 1:], features)
    assert torch.equal(again, straight)


def test_features_that_are_too_large_to_store_are_computed_anew(monkeypatch) -> None:
    tokenizer = made(wan22)
    frames, portrait = video(tokenizer, 3)
    features, z = tokenizer.reference_features(portrait), tokenizer.encode(frames, portrait)
    _, state = tokenizer.decode(tokenizer.initial_state(features), z[:, :2], features)
    monkeypatch.setattr(adapter, "MOST_FEATURE_MEGABYTES", 0.5 * state.megabytes)
    stored = tokenizer.restored_state(tokenizer.compact_state(state), features)
    assert stored.features == () and state.features
    straight, _ = tokenizer.decode(state, z[:, 2:], features)
    again, _ = tokenizer.decode(stored, z[:, 2:], features)
    assert torch.equal(again, straight), "so early the last latents are all that there were"


def video(tokenizer, latents: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    frames = torch.rand(1, latents * tokenizer.frames_per_latent, 3, 64, 64) * 2 - 1
    return frames, torch.rand(1, 3, 64, 64) * 2 - 1


def test_latents_are_those_of_the_autoencoder_behind_the_portrait(tokenizer) -> None:
    frames, portrait = video(tokenizer, 2)
    z = tokenizer.encode(frames, portrait)
    whole = torch.cat([portrait[:, None], frames], 1).transpose(1, 2)
    raw = tokenizer.vae.encode(whole).latent_dist.mode().transpose(1, 2)[:, 1:]
    assert z.shape[:2] == (1, 2)
    mean, deviation = _statistics(tokenizer.vae)
    again = z * deviation + mean
    torch.testing.assert_close(again, raw, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="5 frames given"):
        tokenizer.encode(frames[:, :5], portrait)


def test_pieces_equal_the_whole(tokenizer) -> None:
    frames, portrait = video(tokenizer, 3)
    features = tokenizer.reference_features(portrait)
    z = tokenizer.encode(frames, portrait)
    state = tokenizer.initial_state(features)
    whole, _ = tokenizer.decode(state, z, features)
    first, state = tokenizer.decode(state, z[:, :2], features)
    rest, state = tokenizer.decode(state, z[:, 2:], features)
    assert whole.shape == frames.shape and state.latents.shape[1] == 3
    torch.testing.assert_close(torch.cat([first, rest], 1), whole, atol=1e-4, rtol=0)
    levels, _ = tokenizer.decode_uint8(tokenizer.initial_state(features), z[:, :1], features)
    assert levels.shape == (1, tokenizer.frames_per_latent, 64, 64, 3)
    assert (
        levels.float() / 127.5 - 1 - whole[:, : levels.shape[1]].movedim(2, -1)
    ).abs().max() < 0.01


def test_wan_keeps_its_own_statistics_and_ratio() -> None:
    made = DiffusersVideoTokenizer.wrap(wan())
    assert made.frames_per_latent == 4
    mean, deviation = _statistics(made.vae)
    assert mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert deviation.flatten().tolist() == pytest.approx([1.0, 2.0, 0.5, 1.5])
    with pytest.raises(ValueError, match="context is 0"):
        DiffusersVideoTokenizer.wrap(wan(), context=0)


def test_a_pipeline_streams_with_it_and_finds_it_in_its_checkpoint(tmp_path) -> None:
    torch.manual_seed(0)
    tokenizer = DiffusersVideoTokenizer.wrap(wan().eval())
    grid = {"latent_channels": 4, "latent_height": 60, "latent_width": 60, "patch_size": 10}
    transformer = tiny_transformer(**grid, views=((0, 0, 480, 480),))
    saved = FlowActPipeline(transformer, tokenizer, SamplingConfig())
    saved.save_pretrained(tmp_path)
    loaded = FlowActPipeline.from_pretrained(tmp_path)
    assert isinstance(loaded.tokenizer, DiffusersVideoTokenizer)
    portrait = np.full((480, 480, 3), 99, np.uint8)
    for one, other in zip(*(p.stream(portrait, speech(0.2)) for p in (saved, loaded)), strict=True):
        assert one.image.shape == (480, 480, 3)
        # Convolutions of another layout round otherwise.
        np.testing.assert_allclose(one.image.astype(int), other.image, atol=1)

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLLTXVideo, AutoencoderKLWan

from flowact.pipeline import FlowActPipeline
from flowact.pipeline.sampling import SamplingConfig
from flowact.tokenizer.adapter import DiffusersVideoTokenizer, _statistics
from tests.tiny_pipeline import speech
from tests.tiny_transformer import tiny_transformer


def wan() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        latents_mean=[0.1, 0.2, 0.3, 0.4], latents_std=[1.0, 2.0, 0.5, 1.5],
    )  # fmt: skip


def ltx() -> AutoencoderKLLTXVideo:
    return AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1), decoder_layers_per_block=(1, 1, 1, 1, 1),
        decoder_causal=True,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[wan, ltx], ids=["wan", "ltx"])
def tokenizer(request) -> DiffusersVideoTokenizer:
    torch.manual_seed(0)
    return DiffusersVideoTokenizer.wrap(request.param().eval().requires_grad_(False), context=3)


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


def test_pieces_equal_the_whole_when_the_context_reaches_back(tokenizer) -> None:
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

import pytest
import torch
from diffusers import AutoencoderKLLTXVideo, AutoencoderKLWan

from flowact.tokenizer.adapter import DiffusersVideoTokenizer


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
    return DiffusersVideoTokenizer(request.param().eval().requires_grad_(False), context=3)


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
    again = z * tokenizer._deviation + tokenizer._mean
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
    made = DiffusersVideoTokenizer(wan())
    assert made.frames_per_latent == 4
    assert made._mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert made._deviation.flatten().tolist() == pytest.approx([1.0, 2.0, 0.5, 1.5])
    with pytest.raises(ValueError, match="context is 0"):
        DiffusersVideoTokenizer(wan(), context=0)

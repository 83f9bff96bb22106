from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from flowact.errors import UserError
from flowact.tokenizer.video.adapter import DiffusersVideoTokenizer
from flowact.tokenizer.video.tiny import MemoryBlock, TimeGrowth, TinyVideoDecoder

from .test_adapter import wan22


@pytest.fixture(scope="module")
def decoder() -> TinyVideoDecoder:
    torch.manual_seed(0)
    return TinyVideoDecoder(6, 2, (16, 8, 8, 8)).eval().requires_grad_(False)


def whole(decoder: TinyVideoDecoder, latents: Tensor) -> Tensor:
    """The published definition: all frames at once, every block's memory the frame before."""
    batch, x = len(latents), latents.flatten(0, 1)
    for layer in decoder.decoder:
        if isinstance(layer, MemoryBlock):
            frames = x.unflatten(0, (batch, -1))
            before = F.pad(frames, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1]
            x = layer(x, before.flatten(0, 1))
        else:
            x = layer(x)
    shown = F.pixel_shuffle(x, decoder.patch).clamp(0, 1) * 2 - 1
    return shown.unflatten(0, (batch, -1))[:, 3:]


def test_a_stream_is_the_whole_video(decoder: TinyVideoDecoder) -> None:
    latents = torch.randn(2, 4, 6, 3, 5)
    first, features = decoder.first(latents[:, 0])
    kept = [each.clone() for each in features]
    parts, state = [first], features
    for latent in latents[:, 1:].unbind(1):
        frames, state = decoder.next(state, latent)
        parts.append(frames)
    assert first.shape == (2, 1, 3, 48, 80)
    torch.testing.assert_close(torch.cat(parts, 1), whole(decoder, latents), atol=1e-5, rtol=0)
    assert all(torch.equal(*pair) for pair in zip(kept, features, strict=True))


def test_names_and_shapes_are_those_that_are_published() -> None:
    with torch.device("meta"):
        weights = TinyVideoDecoder(48, 2).state_dict()
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    expected = {
        "decoder.1.weight": (256, 48, 3, 3),
        "decoder.3.conv.0.weight": (256, 512, 3, 3),
        "decoder.7.conv.weight": (256, 256, 1, 1),
        "decoder.8.weight": (128, 256, 3, 3),
        "decoder.13.conv.weight": (256, 128, 1, 1),
        "decoder.19.conv.weight": (128, 64, 1, 1),
        "decoder.20.weight": (64, 64, 3, 3),
        "decoder.22.weight": (12, 64, 3, 3),
    }
    assert {name: shapes[name] for name in expected} == expected
    assert "decoder.8.bias" not in shapes and "decoder.22.bias" in shapes


def test_a_published_file_is_loaded_and_any_other_refused(
    decoder: TinyVideoDecoder, tmp_path: Path
) -> None:
    published = {**decoder.state_dict(), "encoder.0.weight": torch.zeros(1)}
    growing = "decoder.7.conv.weight"
    assert isinstance(decoder.decoder[7], TimeGrowth)
    published[growing] = torch.cat((torch.zeros_like(published[growing]), published[growing]))
    torch.save(published, tmp_path / "tae.pth")
    again = TinyVideoDecoder(6, 2, (16, 8, 8, 8))
    again.load_published(tmp_path / "tae.pth")
    assert all(torch.equal(w, decoder.state_dict()[n]) for n, w in again.state_dict().items())
    with pytest.raises(UserError, match="holds no tiny decoder of these latents"):
        TinyVideoDecoder(4, 1, (16, 8, 8, 8)).load_published(tmp_path / "tae.pth")
    (tmp_path / "none.pth").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none.pth holds no tiny decoder"):
        again.load_published(tmp_path / "none.pth")


def test_a_tokenizer_decodes_by_it_and_keeps_it(decoder: TinyVideoDecoder, tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = TinyVideoDecoder(6, 2).eval().requires_grad_(False)
    vae = wan22().eval().requires_grad_(False)
    tokenizer = DiffusersVideoTokenizer.wrap(vae, tiny=published)
    features = tokenizer.reference_features(torch.rand(1, 3, 64, 64) * 2 - 1)
    z = torch.randn(1, 3, 6, 4, 4)
    start = tokenizer.initial_state(features)
    frames, state = tokenizer.decode(start, z, features)
    truth = whole(published, torch.cat((features.latent[:, None], z), 1))[:, 1:]
    torch.testing.assert_close(frames, truth, atol=1e-3, rtol=0)
    assert len(state.features) == 9
    tokenizer.save_pretrained(tmp_path)
    again = DiffusersVideoTokenizer.from_pretrained(tmp_path)
    torch.testing.assert_close(again.decode(start, z, features)[0], frames, atol=1e-3, rtol=0)

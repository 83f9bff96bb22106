from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from flowact.motion.arkit import ARKIT
from flowact.motion.joints import JOINTS
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.warp import sharpened
from tests.tokenizer.small import SMALL, same, small_tokenizer


@torch.no_grad()
def test_a_fresh_tokenizer_shows_the_reference(portrait) -> None:
    fresh = small_tokenizer()
    features = fresh.reference_features(portrait)
    z = torch.randn(1, 1, 16, 8, 16)
    frames, _ = fresh.decode(fresh.initial_state(features), z, features)
    keep = torch.sigmoid(torch.tensor(2.0))
    torch.testing.assert_close(
        frames, (portrait * keep)[:, None].expand(-1, 4, -1, -1, -1), atol=1e-4, rtol=0
    )


@torch.no_grad()
def test_decoding_in_pieces_is_decoding_at_once_bit_for_bit(tokenizer, portrait, points) -> None:
    features = tokenizer.reference_features(portrait, points)
    z = torch.randn(1, 3, 16, 8, 16)
    at_once, last = tokenizer.decode(tokenizer.initial_state(features), z, features)
    first, state = tokenizer.decode(tokenizer.initial_state(features), z[:, :1], features)
    rest, state = tokenizer.decode(state, z[:, 1:], features)
    assert torch.equal(torch.cat([first, rest], 1), at_once)
    assert same(state, last)
    assert not torch.equal(at_once[:, :4], at_once[:, 4:8])


@torch.no_grad()
def test_a_sharpened_reference_keeps_its_means_and_gains_contrast(portrait) -> None:
    grain = portrait / 2 + 0.1 * torch.randn(portrait.shape)
    crisp = sharpened(grain, 0.3)
    assert sharpened(grain, 0.0) is grain
    assert abs(float((crisp - grain).mean())) < 1e-3
    assert 1.1 < float(crisp.diff(dim=-1).std() / grain.diff(dim=-1).std()) < 1.3
    made = Tokenizer({**SMALL, "view": "whole"}, {**SMALL, "view": "face"}, sharpen=0.3).eval()
    assert torch.equal(made.reference_features(grain).face.picture, crisp)


@torch.no_grad()
def test_the_decoder_remembers_two_latents_and_no_more(tokenizer, portrait) -> None:
    features = tokenizer.reference_features(portrait)
    z = torch.randn(1, 4, 16, 8, 16)
    start = tokenizer.steady_state(torch.zeros(1, 16, 8, 16), features)
    base, _ = tokenizer.decode(start, z, features)
    for ago in (1, 2, 3):
        other = z.clone()
        other[:, 3 - ago] += 1
        last = tokenizer.decode(start, other, features)[0][:, -4:]
        assert torch.equal(last, base[:, -4:]) == (ago == 3)


@torch.no_grad()
def test_training_paints_what_a_session_shows(tokenizer, portrait) -> None:
    view = tokenizer.face
    motion = torch.randn(1, 16, 106)
    known, *latents = motion.split(4, 1)
    reference = view.reference(portrait)
    held, before, streamed = view.steady_state(known, reference), known, []
    for latent in latents:
        layers, held = view.decode(held, before, latent, reference)
        before = latent
        streamed.append(layers.paint)
    trained = view(motion, portrait)
    torch.testing.assert_close(trained.paint, torch.cat(streamed[1:]), atol=1e-4, rtol=1e-4)


def test_a_blend_that_would_jump_is_refused() -> None:
    with pytest.raises(ValueError, match="end with 1"):
        ViewConfig(blend=(0.2, 0.4, 0.6, 0.8))


@torch.no_grad()
def test_sessions_in_a_batch_do_not_mix(tokenizer, portrait, points) -> None:
    portraits, faces = (
        torch.cat([portrait, portrait.flip(-1)]),
        torch.cat([points, torch.full_like(points, torch.nan)]),
    )
    z = torch.randn(2, 1, 16, 8, 16)
    both = tokenizer.reference_features(portraits, faces)
    together, _ = tokenizer.decode(tokenizer.initial_state(both), z, both)
    for i in range(2):
        alone = tokenizer.reference_features(portraits[i : i + 1], faces[i : i + 1])
        frames, _ = tokenizer.decode(tokenizer.initial_state(alone), z[i : i + 1], alone)
        torch.testing.assert_close(together[i], frames[0], atol=2e-4, rtol=0)


@torch.no_grad()
def test_a_helper_sees_and_paints_the_same_pictures(tokenizer, portrait) -> None:
    z = torch.randn(1, 2, 16, 8, 16)

    def look_and_decode() -> torch.Tensor:
        features = tokenizer.reference_features(portrait)
        return tokenizer.decode(tokenizer.initial_state(features), z, features)[0]

    alone = look_and_decode()
    with ThreadPoolExecutor(1) as helper:
        tokenizer.set_executor(helper)
        shared = look_and_decode()
        tokenizer.set_executor(None)
    assert torch.equal(alone, shared)
    assert not shared.requires_grad


@torch.no_grad()
def test_bytes_of_finer_paint_are_rounded_too(portrait) -> None:
    fine = Tokenizer({**SMALL, "view": "whole", "paint_scale": 2}, {**SMALL, "view": "face"}).eval()
    for weight in fine.whole.decoder.leave.parameters():
        weight.copy_(torch.randn_like(weight) * 0.1)
    features = fine.reference_features(portrait)
    state, z = fine.initial_state(features), torch.randn(1, 1, 16, 8, 16)
    levels, _ = fine.decode_uint8(state, z, features)
    expected = (fine.decode(state, z, features)[0].movedim(2, -1) * 127.5 + 127.5).round()
    assert (levels.float() - expected).abs().max() <= 1


@torch.no_grad()
def test_bytes_are_the_rounded_frames(tokenizer, portrait) -> None:
    features = tokenizer.reference_features(portrait)
    z = torch.randn(1, 1, 16, 8, 16)
    frames, _ = tokenizer.decode(tokenizer.initial_state(features), z, features)
    levels, _ = tokenizer.decode_uint8(tokenizer.initial_state(features), z, features)
    assert levels.shape == (1, 4, 480, 480, 3) and levels.dtype == torch.uint8
    expected = (frames.movedim(2, -1) * 127.5 + 127.5).round()
    assert (levels.float() - expected).abs().max() <= 1


@torch.no_grad()
def test_both_halves_of_a_latent_have_a_say(tokenizer, portrait) -> None:
    features = tokenizer.reference_features(portrait)
    state = tokenizer.steady_state(torch.zeros(1, 16, 8, 16), features)
    z = torch.zeros(1, 1, 16, 8, 16)
    base, _ = tokenizer.decode(state, z, features)
    for half in (slice(8), slice(8, None)):
        z = torch.zeros(1, 1, 16, 8, 16)
        z[..., half] = torch.randn(1, 1, 16, 8, 8)
        changed = (tokenizer.decode(state, z, features)[0] - base).abs().amax((0, 1, 2)) > 1e-6
        assert changed.float().mean() > 0.9


@torch.no_grad()
def test_a_calm_body_follows_and_lips_do_so_at_once(portrait) -> None:
    calm = Tokenizer({**SMALL, "view": "whole"}, {**SMALL, "view": "face"}, follow=0.5)
    for view in (calm.whole, calm.face):
        view.code.adopt(torch.zeros(106), torch.ones(106))
    asked = torch.ones(1, 4, 106)
    z = torch.cat([view.code.motion_to_latents(asked) for view in (calm.whole, calm.face)], -1)
    features = calm.eval().reference_features(portrait)
    state = calm.steady_state(torch.zeros(1, 16, 8, 16), features)
    _, last = calm.decode(state, z, features)
    shown = last.motion.shown[0]
    lively = torch.tensor([not name.startswith(("brow", "eyeLook")) for name in ARKIT])
    assert 10 <= (~lively).sum() <= 15
    torch.testing.assert_close(
        shown[:, :52][:, lively], torch.ones(4, 52)[:, lively], atol=1e-4, rtol=0
    )
    expected = torch.tensor([0.25, 0.5, 0.6875, 0.8125])
    torch.testing.assert_close(shown[:, 52], expected, atol=1e-4, rtol=0)
    eye = 52 + 3 * JOINTS.index("eye_left")
    torch.testing.assert_close(shown[:, eye], expected, atol=1e-4, rtol=0)
    _, exact = calm.decode(state, z, features, exact=True)
    torch.testing.assert_close(exact.motion.shown, asked, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="follow is 0"):
        Tokenizer({**SMALL, "view": "whole"}, {**SMALL, "view": "face"}, follow=0)


@torch.no_grad()
def test_encoding_is_per_latent_and_relative_to_the_reference(tokenizer, portrait) -> None:
    frames = torch.rand(1, 8, 3, 480, 480) * 2 - 1
    z = tokenizer.encode(frames, portrait)
    assert z.shape == (1, 2, 16, 8, 16)
    torch.testing.assert_close(tokenizer.encode(frames[:, 4:], portrait)[:, 0], z[:, 1])
    assert not torch.allclose(tokenizer.encode(frames, portrait.flip(-1)), z)


@torch.no_grad()
def test_curves_and_pose_are_what_the_two_codes_hold(tokenizer) -> None:
    motion = torch.randn(1, 4, 106).clamp(-3, 3)
    halves = [view.code.motion_to_latents(motion) for view in (tokenizer.whole, tokenizer.face)]
    z = torch.cat(halves, -1)
    read = torch.cat([tokenizer.curves(z), tokenizer.pose(z).flatten(2)], -1)
    expected = [view.code.restore(motion) for view in (tokenizer.whole, tokenizer.face)]
    assert tokenizer.curves(z).shape == (1, 4, 52) and tokenizer.pose(z).shape == (1, 4, 18, 3)
    torch.testing.assert_close(read, sum(expected) / 2, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_saved_and_loaded_it_draws_the_same(tokenizer, portrait, tmp_path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = Tokenizer.from_pretrained(tmp_path).eval()
    z = torch.randn(1, 1, 16, 8, 16)
    features, again = tokenizer.reference_features(portrait), loaded.reference_features(portrait)
    a, _ = tokenizer.decode(tokenizer.initial_state(features), z, features)
    b, _ = loaded.decode(loaded.initial_state(again), z, again)
    torch.testing.assert_close(a, b, atol=1e-4, rtol=0)
    assert loaded.whole.config == ViewConfig(**{**SMALL, "view": "whole"})


def test_wrong_shapes_are_named(tokenizer, portrait) -> None:
    with pytest.raises(ValueError, match=r"frames are \(1, 4, 3, 240, 240\)"):
        tokenizer.encode(torch.zeros(1, 4, 3, 240, 240), portrait)
    with pytest.raises(ValueError, match="6 frames given"):
        tokenizer.encode(torch.zeros(1, 6, 3, 480, 480), portrait)
    with pytest.raises(ValueError, match=r"latents are \(1, 1, 16, 8, 8\)"):
        tokenizer.curves(torch.zeros(1, 1, 16, 8, 8))
    with pytest.raises(ValueError, match="trunk_widths has 2"):
        ViewConfig(trunk_widths=(8, 8))
    assert np.isfinite(tokenizer.seam.numpy()).all()

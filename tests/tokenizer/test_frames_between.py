"""Frames between those to which a network sees."""

import pytest
import torch

from flowact.motion.arkit import ARKIT
from flowact.tokenizer.autoencoder import ViewAutoencoder
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.views import FACE
from tests.tokenizer.small import SMALL, same


def seeing_to(tokenizer: Tokenizer, every: int) -> Tokenizer:
    views = tokenizer.whole, tokenizer.face
    return Tokenizer.from_views(*views, whole_every=every, face_every=every).eval()


@torch.no_grad()
@pytest.mark.parametrize("every", [2, 4])
def test_frames_to_which_the_network_sees_are_exact(tokenizer, portrait, points, every) -> None:
    seldom = seeing_to(tokenizer, every)
    features = tokenizer.reference_features(portrait, points)
    state, z = tokenizer.initial_state(features), torch.randn(1, 2, 16, 8, 16)
    exact, after = tokenizer.decode_uint8(state, z, features)
    made, left = seldom.decode_uint8(state, z, features)
    assert torch.equal(after.motion.shown, left.motion.shown)
    seen = torch.arange(8) % every == every - 1
    apart = (exact.int() - made.int()).abs().amax((0, 2, 3, 4))
    assert apart[seen].max() <= 1 < apart[~seen].min()
    pieces, piece_state = [], state
    for latent in z.split(1, 1):
        frames, piece_state = seldom.decode_uint8(piece_state, latent, features)
        pieces.append(frames)
    assert torch.equal(torch.cat(pieces, 1), made) and same(piece_state, left)


@torch.no_grad()
def test_the_coarsest_frames_are_those_of_the_last_of_a_latent(tokenizer, portrait) -> None:
    features = tokenizer.reference_features(portrait)
    state, z = tokenizer.initial_state(features), torch.randn(1, 1, 16, 8, 16)
    coarse, _ = tokenizer.decode_uint8(state, z, features, coarse=True)
    exact, _ = tokenizer.decode_uint8(state, z, features)
    apart = (exact.int() - coarse.int()).abs().amax((0, 2, 3, 4))
    assert apart[3] <= 1 < apart[:3].min()


@torch.no_grad()
@pytest.mark.parametrize("every", [2, 4])
def test_what_the_network_finds_changes_evenly_in_between(tokenizer, portrait, every) -> None:
    view = tokenizer.whole
    reference, motion = view.reference(portrait), torch.randn(2, 4, 106)
    state = view.steady_state(motion[:1], reference)
    _, head, step, mask, paint = state
    before = {"flow": head + step, "mask": mask, "paint": paint}
    exact, _ = view.decode(state, motion[:1], motion[1:], reference)
    made, after = view.decode(state, motion[:1], motion[1:], reference, every)
    for name, last in before.items():
        maps, painted = getattr(made, name), getattr(exact, name)
        corners = [last[0], *painted[every - 1 :: every]]
        for frame, shown in enumerate(maps):
            number, share = divmod(frame + 1, every)
            one, next_one = corners[number], corners[min(number + 1, len(corners) - 1)]
            torch.testing.assert_close(
                shown, torch.lerp(one, next_one, share / every), atol=1e-4, rtol=1e-4
            )
    torch.testing.assert_close(after[1] + after[2], made.flow[[3]], atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("every", [2, 4])
def test_a_mesh_moves_in_every_frame(portrait, points, every) -> None:
    view = ViewAutoencoder(ViewConfig(**SMALL, view="face", mesh=True)).eval()
    reference, motion = view.reference(portrait, points), torch.zeros(2, 4, 106)
    motion[1, :, ARKIT.index("jawOpen")] = torch.tensor([0.6, 0.1, 0.9, 0.2])
    state = view.steady_state(motion[:1], reference)
    exact, made = (
        view.decode(state, motion[:1], motion[1:], reference, n)[0].flow for n in (1, every)
    )
    assert exact.std(0).amax() > 0.003
    assert torch.equal(exact, made)


@torch.no_grad()
def test_the_network_sees_to_every_frame_of_a_face_without_a_mesh(
    tokenizer, portrait, points
) -> None:
    seldom, z = seeing_to(tokenizer, 4), torch.randn(1, 1, 16, 8, 16)
    row, column = FACE.top + FACE.size // 2, FACE.left + FACE.size // 2
    for landmarks, differs in ((None, False), (points, True)):
        features = tokenizer.reference_features(portrait, landmarks)
        fine, made = (
            t.decode(t.initial_state(features), z, features)[0] for t in (tokenizer, seldom)
        )
        changed = (fine - made).abs().amax((0, 2))
        assert changed[3].max() < 1e-5 and changed[:3, 20:60].amax((1, 2)).min() > 1e-4
        assert (changed[:3, row, column].max() > 1e-4) == differs


def test_latents_have_four_frames_to_see_to() -> None:
    with pytest.raises(ValueError, match="is 3, expected 1, 2 or 4"):
        Tokenizer({**SMALL, "view": "whole"}, {**SMALL, "view": "face"}, face_every=3)

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from flowact.motion.arm_mesh import FOREARM, HAND
from flowact.motion.joints import JOINTS, joint
from flowact.tokenizer.arms.draw import Arms, raised_arms, with_arms
from flowact.tokenizer.arms.look import ArmsLook, look_of_arms
from flowact.tokenizer.face_mesh.fit import fit_faces

SKIN, CLOTH = (0.8, 0.6, 0.5), (0.1, 0.3, 0.6)
LOOK = ArmsLook((240.0, 170.0), 96.0, np.array([SKIN, CLOTH]), 1.0)


def wave(side: str = "left", outwards: float = 1.0) -> NDArray[np.float32]:
    """A raised hand; see the gestures of the data engine."""
    sign = 1 if side == "left" else -1
    pose = np.zeros((len(JOINTS), 3), np.float32)
    pose[joint(f"upper_arm_{side}")] = -0.63, -0.14 * sign, 0
    pose[joint(f"forearm_{side}")] = np.array([-1.6, -0.56 * sign, 1.78 * sign]) * outwards
    return pose


def waving(side: str = "left") -> Arms:
    arms = raised_arms(wave(side), LOOK)
    assert arms is not None
    return arms


def test_hanging_arms_are_not_drawn() -> None:
    pose = np.zeros((len(JOINTS), 3), np.float32)
    assert raised_arms(pose, LOOK) is None
    pose[joint("forearm_left")] = 0.05  # idle
    assert raised_arms(pose, LOOK) is None
    assert raised_arms(wave() * 0.2, LOOK) is None, "below the picture"
    grey = torch.zeros(1, 3, 480, 480)
    assert with_arms(grey, [None]) is grey


@pytest.mark.parametrize(("side", "right_half"), [("left", True), ("right", False)])
def test_a_hand_is_in_the_colour_of_skin_where_it_is_raised(side: str, right_half: bool) -> None:
    frame = with_arms(torch.zeros(1, 3, 480, 480), [waving(side)])[0]
    seen = (frame != 0).any(0)
    columns = seen.nonzero()[:, 1].float()
    assert ((columns > 240).float().mean() > 0.95) == right_half
    hand = ((frame + 1) / 2).movedim(0, -1)[250:330][seen[250:330]]
    hue = hand.mean(0) / hand.mean()
    torch.testing.assert_close(hue, torch.tensor(SKIN) / np.mean(SKIN), atol=0.12, rtol=0)
    sleeve = ((frame + 1) / 2).movedim(0, -1)[460:480][seen[460:480]]
    assert sleeve.mean(0).argmax() == 2


def test_both_kinds_of_frames_get_the_same_arms() -> None:
    arms = [waving(), None]
    bright = with_arms(torch.zeros(2, 3, 480, 480), arms)
    levels = with_arms(torch.full((2, 480, 480, 3), 128, dtype=torch.uint8), arms)
    as_levels = (bright.movedim(1, -1) + 1) * 127.5
    assert (as_levels - levels).abs().max() < 2
    assert not bright[1].any()


def test_what_is_behind_them_has_no_gradient() -> None:
    frames = torch.zeros(2, 3, 480, 480).requires_grad_()
    with_arms(frames * 2, [waving(), None]).sum().backward()
    assert frames.grad is not None and (frames.grad[1] == 2).all()
    assert (frames.grad[0] == 0).any() and (frames.grad[0] == 2).any()


def test_an_arm_fades_in_as_it_is_raised() -> None:
    covers = []
    for share in (0.07, 0.1, 1.0):
        arms = raised_arms(wave() * share, replace(LOOK, scale=40.0))
        assert arms is not None
        covers.append(arms.cover.max())
    assert 0 < covers[0] < covers[1] < covers[2] == 1


def test_an_elbow_bends_no_further_than_elbows_do() -> None:
    far, right = raised_arms(wave(outwards=1.5), LOOK), waving()
    assert far is not None
    assert (far.rows, far.columns) == (right.rows, right.columns)
    np.testing.assert_allclose(far.cover, right.cover, atol=0.05)


def portrait(points: torch.Tensor, cloth: tuple[float, ...], bare: bool) -> torch.Tensor:
    """A plain person: skin, clothes below, and bare arms at the lower corners."""
    picture = torch.tensor(SKIN)[:, None, None].expand(3, 480, 480).clone()
    picture[:, 320:] = torch.tensor(cloth)[:, None, None]
    if bare:
        picture[:, 420:] = torch.tensor(SKIN)[:, None, None] * 0.9
    return picture[None] * 2 - 1


@pytest.mark.parametrize(("bare", "colour"), [(True, SKIN), (False, CLOTH)])
def test_forearms_are_bare_where_the_arms_are(points, bare: bool, colour) -> None:
    smaller = (points - 240) * 0.7 + torch.tensor([240.0, 200.0])
    looks = look_of_arms(portrait(points, CLOTH, bare), fit_faces(smaller), 1.0)
    assert looks is not None and looks[0] is not None
    np.testing.assert_allclose(looks[0].colours[HAND], SKIN, atol=0.02)
    np.testing.assert_allclose(looks[0].colours[FOREARM], colour, atol=0.02)


def test_upper_arms_that_are_bare_and_in_the_shade_are_no_sleeves(points) -> None:
    smaller = (points - 240) * 0.8 + 240
    shade = tuple(share * 0.55 for share in SKIN)
    looks = look_of_arms(portrait(points, shade, False), fit_faces(smaller), 1.0)
    assert looks is not None and looks[0] is not None
    np.testing.assert_allclose(looks[0].colours[FOREARM], SKIN, atol=1e-3)


def test_no_arms_for_nobody_nor_where_hands_are_in_the_picture(points) -> None:
    picture = portrait(points, CLOTH, False)
    assert look_of_arms(picture, fit_faces(points), 0.0) is None
    nobody = torch.full((1, 89, 2), torch.nan)
    assert look_of_arms(picture, fit_faces(nobody), 1.0) == (None,)
    far = (points - 240) * 0.3 + torch.tensor([240.0, 120.0])
    assert look_of_arms(picture, fit_faces(far), 1.0) == (None,)

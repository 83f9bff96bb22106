import torch
from torch import Tensor

from flowact.tokenizer.face_mesh.eye import find_eyes
from flowact.tokenizer.face_mesh.fit import fit_faces
from flowact.tokenizer.face_mesh.open_eyes import EyeMotion, OpenEyes, with_open_eyes
from flowact.tokenizer.views import FACE
from tests.tokenizer.face_mesh.test_lids import left_eye, places

STILL = torch.zeros(1, 2, 60, 60)


def portrait(points: Tensor) -> Tensor:
    """Plain skin, a light left eye with a dark iris in its middle, `[1, 3, 480, 480]`."""
    picture = torch.full((1, 3, 480, 480), 0.3)
    u, v = places(left_eye(points))
    picture[..., (v - 0.02).abs() < 0.3 * (1 - (2 * u - 1) ** 2)] = 0.9
    picture[..., (u - 0.5).square() + (v - 0.02).square() < 0.12**2] = -0.9
    return picture


def looking(shut: float = 0.0, down: float = 0.0, left: float = 0.0) -> EyeMotion:
    return EyeMotion(torch.full((1, 2), shut), torch.tensor([[[down, left]] * 2]))


def shown(
    points: Tensor, look: EyeMotion, flow: Tensor = STILL, amount: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Mask and paint `[n, 240, 240]` over a decoder's that has nothing but the warp."""
    picture = portrait(points)
    eyes = OpenEyes(picture, find_eyes(picture, fit_faces(points)), amount)
    mask, paint = torch.ones(1, 1, 240, 240), torch.zeros(1, 3, 240, 240)
    mask, paint = with_open_eyes(mask, paint, flow, look, eyes, FACE)
    return mask[:, 0], paint[:, 0]


def iris(points: Tensor, look: EyeMotion, flow: Tensor = STILL) -> Tensor:
    """Column and row of the middle of the dark that is shown, in pixels of the view."""
    _, paint = shown(points, look, flow)
    return (paint[0] < -0.5).nonzero().float().mean(0).flip(0)


def middle(points: Tensor) -> Tensor:
    return FACE.pixels(left_eye(points).pixels(torch.tensor(0.5), torch.tensor(0.02)))


def test_an_open_eye_is_the_references_to_the_pixel(points) -> None:
    mask, paint = shown(points, looking())
    own = FACE.crop(portrait(points))[0, 0]
    there = mask[0] == 0
    assert there.sum() > 100
    torch.testing.assert_close(paint[0][there], own[there], atol=1e-3, rtol=0)
    assert (mask[0, :40] == 1).all() and not paint[0, :40].any()


def test_an_iris_turns_with_the_gaze_and_the_lids_stay(points) -> None:
    assert (iris(points, looking()) - middle(points)).abs().max() < 1
    aside = iris(points, looking(left=0.2)) - middle(points)
    assert 1 < aside[0] < 0.37 * 0.3 * left_eye(points).width and aside[1].abs() < 1
    assert (iris(points, looking(down=0.1)) - middle(points))[1] > 0.2
    straight, turned = shown(points, looking())[1], shown(points, looking(left=0.2))[1]
    u, v = (FACE.crop(x.expand(1, 3, -1, -1))[0, 0] for x in places(left_eye(points)))
    lid = ((v < -0.36) | (v > 0.4)) & ((u - 0.5).abs() < 0.7)
    torch.testing.assert_close(straight[0][lid], turned[0][lid], atol=1e-6, rtol=0)


def test_it_goes_with_the_head(points) -> None:
    flow = torch.zeros(1, 2, 60, 60)
    flow[:, 0] = -8 * 2 / 480
    moved = iris(points, looking(), flow) - iris(points, looking())
    torch.testing.assert_close(moved, torch.tensor([8.0, 0.0]), atol=0.5, rtol=0)


def test_a_shut_eye_is_left_to_the_lids_and_none_is_shown_where_none_is_asked_for(points) -> None:
    for look, amount in ((looking(shut=0.6), 1.0), (looking(), 0.0)):
        mask, paint = shown(points, look, amount=amount)
        assert (mask == 1).all() and not paint.any()
    half, _ = shown(points, looking(shut=0.3))
    assert 0.3 < half.min() < 0.7


def test_the_compiled_loop_shows_what_the_definition_does(points) -> None:
    flow = torch.nn.functional.interpolate(
        torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0)) / 100, (60, 60)
    )
    look = looking(shut=0.2, down=0.1, left=-0.2)
    wanted = shown(points, look, flow, 0.8)
    with torch.no_grad():
        made = shown(points, look, flow, 0.8)
    assert (wanted[0] < 0.5).sum() > 100
    for one, other in zip(made, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=0)


def test_each_frame_of_each_reference_is_its_own(points) -> None:
    pictures = torch.cat([portrait(points), portrait(points) / 2])
    eyes = OpenEyes(pictures, find_eyes(pictures, fit_faces(points.expand(2, -1, -1))), 1.0)
    flow = torch.linspace(-0.02, 0.02, 4)[:, None, None, None].expand(4, 2, 60, 60).contiguous()
    look = EyeMotion(torch.tensor([[0.0, 0.3]] * 4), torch.linspace(-0.2, 0.2, 16).view(4, 2, 2))
    still = torch.ones(4, 1, 240, 240), torch.zeros(4, 3, 240, 240)
    wanted = with_open_eyes(*still, flow, look, eyes, FACE)
    assert (still[0] == 1).all() and not still[1].any()
    with torch.no_grad():
        made = with_open_eyes(*still, flow, look, eyes, FACE)
    for one, other in zip(made, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=0)


@torch.no_grad()
def test_what_is_no_number_reads_no_foreign_memory(points) -> None:
    for bad in (torch.nan, torch.inf):
        shown(points, looking(), STILL + bad)
        shown(points, looking(down=bad))


def test_it_has_a_gradient(points) -> None:
    picture = portrait(points)
    eyes = OpenEyes(picture, find_eyes(picture, fit_faces(points)), 1.0)
    tensors = torch.rand(1, 1, 240, 240), torch.rand(1, 3, 240, 240), torch.zeros(1, 2, 60, 60)
    mask, paint, flow = (x.requires_grad_() for x in tensors)
    look = EyeMotion(
        torch.full((1, 2), 0.2).requires_grad_(), torch.full((1, 2, 2), 0.05).requires_grad_()
    )
    made = with_open_eyes(mask.sigmoid(), paint * 2, flow * 2, look, eyes, FACE)
    sum(x.square().sum() for x in made).backward()
    for tensor in (mask, paint, flow, look.shut, look.gaze):
        assert tensor.grad is not None and tensor.grad.isfinite().all()

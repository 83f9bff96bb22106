import math

import pytest
import torch
from torch import Tensor

from flowact.motion.face_mesh import VERTEX
from flowact.tokenizer.face_mesh.eye import Eye, find_eye, find_eyes, margin
from flowact.tokenizer.face_mesh.fit import fit_faces
from flowact.tokenizer.face_mesh.lids import ShutLids, shut_lids, with_lids
from flowact.tokenizer.views import FACE

SKIN, IRIS, LENS = 0.3, -0.9, -0.95
SHUT, OPEN = torch.ones(1, 2), torch.zeros(1, 2)


def places(eye: Eye) -> tuple[Tensor, Tensor]:
    """`u` and `v` of all pixels of a frame."""
    y, x = torch.meshgrid(torch.arange(480) + 0.5, torch.arange(480) + 0.5, indexing="ij")
    return eye.places(torch.stack([x, y], -1))


def left_eye(points: Tensor) -> Eye:
    eye = find_eye(fit_faces(points).vertices[0], "left")
    assert eye is not None
    return eye


def portrait(points: Tensor, lens: bool = False) -> Tensor:
    """Plain skin with two dark eyes, or dark glasses before the whole region, `[1, 3, 480, 480]`."""
    picture = torch.full((1, 3, 480, 480), SKIN)
    for side in ("left", "right"):
        eye = find_eye(fit_faces(points).vertices[0], side)
        assert eye is not None
        u, v = places(eye)
        picture[..., (v - 0.02).abs() < 0.16 * (1 - (2 * u - 1) ** 2)] = IRIS
        if lens:
            picture[..., (u > -0.2) & (u < 1.2) & (v.abs() < 0.9)] = LENS
    return picture


def painted_shut(picture: Tensor, points: Tensor, amount: float = 1.0) -> ShutLids | None:
    return shut_lids(picture, find_eyes(picture, fit_faces(points)), amount)


def looked_at(points: Tensor, lens: bool = False) -> ShutLids:
    lids = painted_shut(portrait(points, lens), points)
    assert lids is not None
    return lids


def drawn(lids: ShutLids, shut: Tensor, head: Tensor | None = None) -> Tensor:
    """Lids over a paint of nothing, `[n, 3, 240, 240]`; what is left of the warp is -1."""
    n = len(shut)
    head = torch.zeros(n, 2, 60, 60) if head is None else head
    mask, paint = with_lids(
        torch.ones(n, 1, 240, 240), torch.zeros(n, 3, 240, 240), head, shut, lids, FACE
    )
    return paint - mask


def middle(points: Tensor) -> tuple[int, int]:
    """Row and column of the middle of the left eye in the view."""
    x, y = left_eye(points).pixels(torch.tensor(0.5), torch.tensor(0.0)).tolist()
    return int(y) - FACE.top, int(x) - FACE.left


def test_a_brow_close_to_the_eye_hardly_darkens_the_lid(points) -> None:
    u, v = places(left_eye(points))
    picture = portrait(points)
    top, _, _ = left_eye(points).band(u)
    picture[..., (v < top - 0.02) & (v > top - 0.3)] = IRIS
    lids = painted_shut(picture, points)
    assert lids is not None
    lid = lids.picture[0, 0][(u > 0.3) & (u < 0.7) & (v > top + 0.1) & (v < 0.03)]
    assert lid.mean() > SKIN - 0.25


def test_an_eye_is_painted_shut_with_the_skin_round_it_and_a_line_of_lashes(points) -> None:
    u, v = places(left_eye(points))
    shut = looked_at(points).picture[0, 0]
    lid = (u > 0.3) & (u < 0.7) & (v.abs() < 0.03)
    assert (shut[lid] - SKIN).max() < 0.1, "no lighter than a cheek"
    assert (shut[lid] - SKIN).min() > -0.3
    _, meet, _ = left_eye(points).band(u)
    line = (u > 0.4) & (u < 0.6) & ((v - meet).abs() < 0.02)
    assert shut[line].mean() < SKIN - 0.5
    far = shut[(v.abs() > 1) & (u > 0) & (u < 1)]
    torch.testing.assert_close(far, torch.full_like(far, SKIN), atol=1e-4, rtol=0)


def test_a_shut_lid_is_lit_in_its_middle_and_shaded_at_its_ends(points) -> None:
    u, v = places(left_eye(points))
    top, meet, _ = left_eye(points).band(u)
    shut, height = looked_at(points).picture[0, 0], (v - top) / (meet - top)
    middle, outer, inner = (
        shut[(u > left) & (u < right) & (height > above) & (height < below)].mean()
        for left, right, above, below in (
            (0.45, 0.55, 0.4, 0.6),
            (0.02, 0.12, 0.4, 0.6),
            (0.88, 0.98, 0.4, 0.6),
        )
    )
    assert middle > max(outer, inner) + 0.1


def test_the_crease_over_an_eye_stays_when_it_shuts(points) -> None:
    eye = left_eye(points)
    u, v = places(eye)
    above = margin(eye.upper, u) - v
    crease = (above > 0.25) & (above < 0.32) & (u > 0.3) & (u < 0.7)
    picture = portrait(points)
    picture[..., crease] = SKIN - 0.3
    lids = painted_shut(picture, points)
    assert lids is not None
    assert SKIN - 0.35 < lids.picture[0, 0][crease].mean() < SKIN - 0.12


def test_open_eyes_cost_and_change_nothing(points) -> None:
    mask, paint = torch.rand(1, 1, 240, 240), torch.rand(1, 3, 240, 240)
    same = with_lids(mask, paint, torch.zeros(1, 2, 60, 60), OPEN, looked_at(points), FACE)
    assert same[0] is mask and same[1] is paint


def test_lids_come_down_from_above(points) -> None:
    lids, (row, column) = looked_at(points), middle(points)
    seen = [
        (drawn(lids, torch.full((1, 2), shut))[0, 0, row - 12 : row + 12, column] > -0.5).sum()
        for shut in (0.3, 0.6, 1.0)
    ]
    assert 0 < seen[0] < seen[1] < seen[2]


def test_each_eye_shuts_alone_and_each_frame_too(points) -> None:
    lids = looked_at(points)
    wink = drawn(lids, torch.tensor([[1.0, 0.0]]))
    _, column = middle(points)
    assert (wink[..., column - 6 : column + 6] != -1).any()
    assert (wink[..., : 240 - column + 12] == -1).all()
    both = drawn(lids, torch.cat([OPEN, SHUT, torch.tensor([[1.0, 0.0]])]))
    assert torch.equal(both[2:], wink) and torch.equal(both[1:2], drawn(lids, SHUT))
    assert (both[0] == -1).all()


def test_lids_go_where_the_head_goes(points) -> None:
    lids, by = looked_at(points), 8
    head = torch.zeros(1, 2, 60, 60)
    head[:, 0] = -by * 2 / 480  # what is shown lies to the left in the reference
    still, moved = drawn(lids, SHUT), drawn(lids, SHUT, head)
    torch.testing.assert_close(moved[..., by:], still[..., :-by], atol=0.02, rtol=0)


def test_an_eye_that_has_left_the_view_is_not_drawn(points) -> None:
    away = torch.full((1, 2, 60, 60), 1.5)
    assert (drawn(looked_at(points), SHUT, away) == -1).all()


def test_what_the_flow_does_to_lids_does_not_move_them(points) -> None:
    lids, (row, column) = looked_at(points), middle(points)
    head = torch.zeros(1, 2, 60, 60)
    head[:, 1, row // 4 - 1 : row // 4 + 1, column // 4 - 1 : column // 4 + 1] = -0.02
    torch.testing.assert_close(drawn(lids, SHUT, head), drawn(lids, SHUT), atol=0.1, rtol=0)


def test_nothing_is_drawn_on_dark_glasses_nor_where_there_is_no_face(points) -> None:
    glasses = looked_at(points, lens=True)
    assert glasses.eyes == ((None, None),)
    assert torch.equal(glasses.picture, portrait(points, lens=True))
    nobody = painted_shut(torch.zeros(1, 3, 480, 480), torch.full((1, 89, 2), math.nan))
    assert nobody is not None and nobody.eyes == ((None, None),)
    assert painted_shut(portrait(points), points, 0.0) is None


@pytest.mark.parametrize("beyond", [(230.0, 0.0), (600.0, 0.0), (0.0, -170.0), (0.0, 400.0)])
def test_an_eye_beyond_the_rim_of_the_picture_is_let_alone(points, beyond) -> None:
    picture = portrait(points)
    lids = painted_shut(picture, points + torch.tensor(beyond))
    assert lids is None or lids.picture.isfinite().all()
    eyes = find_eyes(picture, fit_faces(points + torch.tensor(beyond)))
    assert eyes[0][0] is None, "the left eye"


def test_they_have_a_gradient(points) -> None:
    tensors = torch.rand(1, 1, 240, 240), torch.rand(1, 3, 240, 240), torch.zeros(1, 2, 60, 60)
    mask, paint, head = (x.requires_grad_() for x in tensors)
    shut = torch.full((1, 2), 0.6).requires_grad_()
    made = with_lids(mask.sigmoid(), paint * 2, head * 2, shut, looked_at(points), FACE)
    sum(x.square().sum() for x in made).backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in (mask, paint, head, shut))
    assert shut.grad.abs().min() > 0


@pytest.mark.parametrize(("low", "lighter"), [(-0.48, 0.2), (-0.4, 0.5)])
def test_hair_of_the_brow_stays_over_shut_lids(
    points: torch.Tensor, low: float, lighter: float
) -> None:
    picture, eye = portrait(points), left_eye(points)
    u, v = places(eye)
    hair = (u > 0.2) & (u < 0.8) & (v < low) & (v > low - 0.14)
    picture[..., hair] = IRIS
    lids = painted_shut(picture, points)
    assert lids is not None
    assert (lids.picture[0, 0][hair] - IRIS).abs().median() < lighter
    assert lids.picture[0, 0][(u > 0.4) & (u < 0.6) & (v.abs() < 0.1)].mean() > SKIN - 0.3


def test_lids_of_wide_eyes_meet_hardly_below_them(points: torch.Tensor) -> None:
    eye = left_eye(points)
    vertices = fit_faces(points).vertices[0].clone()
    upper = [VERTEX[f"eye_lid_upper{part}_left"] for part in ("", "_inner", "_outer")]
    vertices[upper, 1] -= 0.2 * eye.width
    wide = find_eye(vertices, "left")
    assert wide is not None
    assert wide.over < eye.over
    middle_of_it = torch.tensor(0.5)
    (top, meet, _), (_, lower, _) = wide.band(middle_of_it), eye.band(middle_of_it)
    assert meet < lower + 0.05 and meet - top > 0.5

import torch

from flowact.tokenizer.face_mesh.fit import fit_faces
from flowact.tokenizer.face_mesh.mouth import look_of_mouths, with_mouth, without_lips
from flowact.tokenizer.face_mesh.raster import LIPS, mesh_maps
from flowact.tokenizer.views import FACE
from tests.tokenizer.face_mesh.test_fit import activation

WIDE = activation(jawOpen=0.5, mouthLowerDownLeft=0.5, mouthLowerDownRight=0.5)


def painted(points: torch.Tensor, curves: torch.Tensor, light: float = 0.2) -> torch.Tensor:
    """Grey paint `[3, 240, 240]` of a face whose skin is as light as told, in [-1, 1]."""
    faces = fit_faces(points)
    look = look_of_mouths(torch.full((1, 3, 480, 480), light), faces, 1.0)
    assert look is not None
    return with_mouth(torch.zeros(1, 3, 240, 240), mesh_maps(faces, curves, FACE)[:, LIPS:], look)[
        0
    ]


def parts(points: torch.Tensor, curves: torch.Tensor) -> torch.Tensor:
    """Shares of what is between the lips, of upper and of lower teeth, `[3, 240, 240]`."""
    maps = mesh_maps(fit_faces(points), curves, FACE)[0, LIPS:]
    return maps.repeat_interleave(2, 1).repeat_interleave(2, 2)


def test_an_open_mouth_is_dark_with_light_teeth_and_nothing_else_changes(points) -> None:
    picture, (lips, upper, lower) = painted(points, WIDE), parts(points, WIDE)
    dark = (lips > 0) & (upper == 0) & (lower == 0)
    assert picture[:, dark].mean() < -0.3
    lightest = picture[:, lower > 0].mean(0).quantile(0.8)
    assert lightest > picture[:, dark].mean() + 0.15
    far = torch.nn.functional.max_pool2d(lips[None], 9, 1, 4)[0] == 0
    assert not picture[:, far].any()


def test_shut_lips_stay_as_they_are(points) -> None:
    assert not painted(points, torch.zeros(1, 1, 52)).any()


def test_the_edge_of_a_lip_is_a_line_and_no_stairs() -> None:
    """Cells under a slanting lip: the edge between two of them lies between theirs."""
    lips = torch.zeros(1, 1, 120, 120)
    for column in range(40, 80):
        lips[0, 0, 40 : 40 + (column - 38) // 2, column] = 1
    left = without_lips(torch.ones(1, 1, 240, 240), lips)
    heights = (1 - left)[0, 0, 78:].sum(0)[96:152]
    assert (heights.diff() > 0.1).all()
    assert (heights.diff() < 0.9).all()


def gaping(points: torch.Tensor, rows: int, bow: int = 0) -> torch.Tensor:
    """Paint `[3, 240, 240]` of a mouth of so many rows of cells, below a lip with a bow, without teeth of the mesh."""
    look = look_of_mouths(torch.full((1, 3, 480, 480), 0.2), fit_faces(points), 1.0)
    assert look is not None
    gap = torch.zeros(1, 3, 120, 120)
    gap[:, 0, 60 : 60 + rows, 45:75] = 1.0
    gap[:, 0, 60 : 60 + bow, 57:63] = 0.0
    return with_mouth(torch.zeros(1, 3, 240, 240), gap, look)[0]


def opened(points: torch.Tensor, rows: int) -> torch.Tensor:
    """The middle column `[3, 2 * rows]` of such a mouth."""
    return gaping(points, rows)[:, 120 : 120 + 2 * rows, 120]


def test_a_wide_open_mouth_shows_teeth_below_the_upper_lip_and_a_tongue_behind_the_lower(
    points,
) -> None:
    inside = opened(points, 12)
    teeth, dark, tongue = inside[:, 2], inside[:, 9], inside[:, 21]
    assert (teeth > dark + 0.45).all()
    assert tongue[0] > dark[0] + 0.15
    assert tongue[0] - tongue[1] > dark[0] - dark[1] + 0.05


def test_teeth_end_in_a_line_whatever_bow_the_lip_before_them_has(points) -> None:
    light = gaping(points, 12, bow=2).mean(0) > 0
    below_the_bow, beside_it = (int(light[:, x].nonzero().max()) for x in (120, 108))
    assert abs(below_the_bow - beside_it) <= 1


def test_what_shows_in_a_bow_of_the_lip_lies_in_its_shade(points) -> None:
    look = look_of_mouths(torch.full((1, 3, 480, 480), 0.2), fit_faces(points), 1.0)
    assert look is not None
    gap = torch.zeros(1, 3, 120, 120)
    gap[:, 0, 60:72, 45:75] = 1.0
    gap[:, 0, 57:60, 59:61] = 1.0
    picture = with_mouth(torch.zeros(1, 3, 240, 240), gap, look)[0].mean(0)
    bow, teeth = picture[116:118, 119:121].mean(), picture[122, 119:121].mean()
    assert teeth > bow + 0.3


def test_there_are_gaps_between_teeth_as_wide_as_teeth_are(points) -> None:
    look = look_of_mouths(torch.full((1, 3, 480, 480), 0.2), fit_faces(points), 1.0)
    assert look is not None
    row = gaping(points, 12)[:, 123, 90:150].mean(0)
    incisor = 8.5 * float(look.scale) * 2
    gaps, teeth = (
        [row[int(30 + share * incisor)] for share in shares] for shares in ((-1, 0, 1), (-0.5, 0.5))
    )
    assert max(gaps) < min(teeth) - 0.05


def test_lower_teeth_are_no_higher_than_teeth_are_however_deep_the_mouth(points) -> None:
    look = look_of_mouths(torch.full((1, 3, 480, 480), 0.2), fit_faces(points), 1.0)
    assert look is not None
    parts = torch.zeros(1, 3, 120, 120)
    parts[:, 0, 60:80, 45:75] = 1.0
    parts[:, 2, 64:80, 45:75] = 1.0
    column = with_mouth(torch.zeros(1, 3, 240, 240), parts, look)[0, :, 120:160, 124].mean(0)
    light = (column[20:] > -0.2).nonzero()[:, 0]
    assert 0 < len(light) <= 3.5 * float(look.scale) * 2 + 2


def test_a_mouth_that_is_little_open_shows_neither(points) -> None:
    inside = opened(points, 4)
    assert (inside.amax(1) <= 0).all()


def test_teeth_in_the_dark_are_darker(points) -> None:
    lower = parts(points, WIDE)[2] > 0
    night, day = (painted(points, WIDE, light)[:, lower].mean() for light in (-0.6, 0.4))
    assert night < day - 0.15


def test_nothing_is_drawn_where_nothing_is_to_be() -> None:
    faces = fit_faces(torch.full((1, 89, 2), torch.nan))
    assert look_of_mouths(torch.zeros(1, 3, 480, 480), faces, 0.0) is None


def test_it_has_a_gradient(points) -> None:
    faces = fit_faces(points)
    look = look_of_mouths(torch.zeros(1, 3, 480, 480), faces, 1.0)
    assert look is not None
    parts = mesh_maps(faces, WIDE, FACE)[:, LIPS:].requires_grad_()
    paint, mask = (torch.rand(1, k, 240, 240).sigmoid().requires_grad_() for k in (3, 1))
    (
        with_mouth(paint * 2, parts, look).sum() + without_lips(mask * 2, parts[:, :1]).sum()
    ).backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in (parts, paint, mask))

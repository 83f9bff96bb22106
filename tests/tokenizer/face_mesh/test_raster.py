import torch

from flowact.motion.face_mesh import LANDMARKS, VERTEX
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.fit import fit_faces
from flowact.tokenizer.face_mesh.raster import mesh_maps
from flowact.tokenizer.views import FACE
from tests.tokenizer.face_mesh.test_fit import activation

FLOW, FACE_PLANE, EYES, LIPS, TEETH = slice(0, 2), 2, 5, 6, slice(7, 9)


def at(maps: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """The maps' values `[9]` in the cell where a point of the frame is."""
    x, y = ((point - torch.tensor([FACE.left, FACE.top])) * (120 / FACE.size)).long().tolist()
    return maps[0, :, y, x]


def test_a_still_face_samples_itself(points) -> None:
    maps = mesh_maps(fit_faces(points), torch.zeros(1, 1, 52), FACE)
    assert maps.shape == (1, 9, 120, 120)
    assert not maps[:, FLOW].any()
    assert at(maps, points[0, LANDMARKS[VERTEX["nose_tip"]]])[FACE_PLANE] == 1
    assert not maps[0, :, 0, 0].any()


def test_an_open_jaw_shows_what_was_higher_and_bares_the_inside_of_the_mouth(points) -> None:
    faces = fit_faces(points)
    maps = mesh_maps(faces, activation(jawOpen=0.5), FACE)
    lip = VERTEX["lip_lower"]
    moved = faces.shifted(activation(jawOpen=0.5))[0, 0, lip]
    here = at(maps, faces.vertices[0, lip] + moved)
    torch.testing.assert_close(here[FLOW] * FRAME_SIZE / 2, -moved, atol=1.5, rtol=0.1)
    still = mesh_maps(faces, torch.zeros(1, 1, 52), FACE)
    assert maps[0, LIPS].sum() > 10 * still[0, LIPS].sum() + 5


def test_teeth_show_between_open_lips_only(points) -> None:
    faces = fit_faces(points)
    shut, opened = (
        mesh_maps(faces, curves, FACE)[0]
        for curves in (
            torch.zeros(1, 1, 52),
            activation(
                jawOpen=0.4,
                mouthUpperUpLeft=1.0,
                mouthUpperUpRight=1.0,
                mouthLowerDownLeft=1.0,
                mouthLowerDownRight=1.0,
            ),
        )
    )
    assert shut[TEETH].sum() < 0.1 * opened[TEETH].sum()
    assert (opened[TEETH].sum((1, 2)) >= 1).all()
    columns = opened[TEETH][1].sum(0).nonzero()[:, 0]
    assert len(columns) > 10 and (columns.diff() == 1).all(), "a gap between the lower front teeth"
    assert (opened[TEETH].sum(0) <= opened[LIPS] + 1e-5).all()


def test_a_blink_covers_the_eyes(points) -> None:
    faces = fit_faces(points)
    still = mesh_maps(faces, torch.zeros(1, 1, 52), FACE)[0, EYES].sum()
    both = activation(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    assert mesh_maps(faces, both, FACE)[0, EYES].sum() < 0.25 * still


def test_every_face_of_a_batch_is_drawn_alone_and_an_unknown_one_not_at_all(points) -> None:
    curves = torch.rand(2, 3, 52)
    unknown = torch.full_like(points, torch.nan)
    both = mesh_maps(fit_faces(torch.cat([points, unknown])), curves, FACE)
    alone = mesh_maps(fit_faces(points), curves[:1], FACE)
    torch.testing.assert_close(both[:3], alone)
    assert not both[3:].any()


def test_training_in_mixed_precision_draws_the_same(points) -> None:
    curves = torch.rand(1, 2, 52)
    exact = mesh_maps(fit_faces(points), curves, FACE)
    with torch.autocast("cpu"):
        assert torch.equal(mesh_maps(fit_faces(points), curves, FACE), exact)


def test_the_flow_has_the_gradient_of_the_shifts(points) -> None:
    faces, curves = fit_faces(points), activation(jawOpen=0.3).requires_grad_()
    maps = mesh_maps(faces, curves, FACE)
    torch.testing.assert_close(maps.detach(), mesh_maps(faces, curves.detach(), FACE))
    lip = (
        faces.vertices[0, VERTEX["lip_lower"]]
        + faces.shifted(curves.detach())[0, 0, VERTEX["lip_lower"]]
    )
    at(maps, lip)[1].backward()
    assert curves.grad is not None
    jaw = curves.grad[0, 0].abs().argmax()
    assert curves.grad[0, 0, jaw] < 0

import torch

from flowact.motion.arkit import ARKIT
from flowact.motion.face_mesh import LANDMARKS, VERTEX, load_template
from flowact.tokenizer.face_mesh.fit import fit_faces


def activation(**strengths: float) -> torch.Tensor:
    curves = torch.zeros(1, 1, 52)
    for name, strength in strengths.items():
        curves[0, 0, ARKIT.index(name)] = strength
    return curves


def test_landmarks_are_vertices_and_curves_turn_with_the_head(points) -> None:
    faces = fit_faces(points)
    assert torch.equal(faces.vertices[0, : len(LANDMARKS)], points[0, list(LANDMARKS)])
    jaw = ARKIT.index("jawOpen")
    chin = VERTEX["chin"]
    x, y, z = load_template().curves[jaw, chin]
    expected = 110 * torch.stack([0.9397 * x + 0.3420 * z, -y])
    torch.testing.assert_close(faces.shifts[0, jaw, chin], expected, rtol=1e-3, atol=1e-2)


def test_a_full_blink_shuts_an_eye_however_far_it_is_open(points) -> None:
    upper, lower = VERTEX["eye_lid_upper_left"], VERTEX["eye_lid_lower_left"]
    for opened in (0.0, 2.0, 6.0):
        given = points.clone()
        given[0, LANDMARKS[upper], 1] -= opened
        faces = fit_faces(given)
        shut = (
            faces.vertices[0, : len(LANDMARKS)]
            + faces.shifted(activation(eyeBlinkLeft=1.0))[0, 0, : len(LANDMARKS)]
        )
        assert abs(float(shut[upper, 1] - shut[lower, 1])) < 0.5, opened


def test_a_face_that_nobody_found_does_not_move_and_spoils_no_other(points) -> None:
    both = fit_faces(torch.cat([torch.full_like(points, torch.nan), points]))
    alone = fit_faces(points)
    assert not both.vertices[0].any()
    assert not both.shifts[0].any()
    torch.testing.assert_close(both.shifts[1], alone.shifts[0])


def test_a_lower_lip_that_goes_down_is_round(points) -> None:
    """Between its middle and a corner it is on a parabola or below; the rig's own comes to a point."""
    jaw, at = ARKIT.index("jawOpen"), load_template().neutral[:, 0]
    down = fit_faces(points).shifts[0, jaw, :, 1]
    middle = down[VERTEX["inner_lower"]]
    for side in ("left", "right"):
        corner, beside = VERTEX[f"inner_corner_{side}"], VERTEX[f"inner_lower_1_{side}"]
        share = 1 - (at[beside] / at[corner]).square()
        assert down[corner] + share * (middle - down[corner]) <= down[beside] < middle

"""Triangles land on the samples that geometry says, and points are found again in a second picture."""

import numpy as np

from flowact.datagen.graphics.raster import (
    barycentric,
    correspondence,
    rasterize,
    rasterize_cards,
)

SQUARE = np.array([[2, 8, 1], [8, 8, 1], [8, 2, 1], [2, 2, 1]], np.float32)  # anticlockwise, y down
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def draw(
    screen: np.ndarray, faces: np.ndarray = FACES, two_sided: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    ids, near = np.full((10, 10), -1, np.int32), np.zeros((10, 10), np.float32)
    rasterize(screen, faces, np.full(len(faces), two_sided), ids, near)
    return ids, near


def test_a_square_covers_exactly_its_samples() -> None:
    ids, near = draw(SQUARE)
    expected = np.zeros((10, 10), bool)
    expected[2:8, 2:8] = True
    assert np.array_equal(ids >= 0, expected)
    assert np.array_equal(near > 0, expected)


def test_back_faces_are_skipped_unless_two_sided() -> None:
    assert (draw(SQUARE, FACES[:, ::-1].copy())[0] == -1).all()
    assert (draw(SQUARE, FACES[:, ::-1].copy(), two_sided=True)[0] >= 0).sum() == 36


def test_the_nearer_triangle_wins_in_any_order() -> None:
    both = np.concatenate([SQUARE, SQUARE * np.array([1, 1, 2], np.float32)])
    faces = np.concatenate([FACES, FACES + 4])
    assert set(np.unique(draw(both, faces)[0])) == {-1, 2, 3}
    assert set(np.unique(draw(both, faces[::-1].copy())[0])) == {-1, 0, 1}


def test_barycentric_weights_are_perspective_correct() -> None:
    screen = np.array([[0, 0, 1.0], [4, 0, 0.5], [0, 4, 1.0]], np.float32)
    weights = barycentric(screen, np.array([[0, 1, 2]], np.int32), 0, 2.0, 0.0)
    assert np.allclose(
        weights, (2 / 3, 1 / 3, 0)
    )  # halfway on screen is a third of the way in depth


def test_correspondence_follows_the_surface_and_sees_occlusion() -> None:
    moved = SQUARE + np.array([1, 0, 0], np.float32)
    ids, _ = draw(moved)
    _, reference_near = draw(SQUARE)
    grid = np.array([[5.5, 5.5], [0.5, 0.5], [2.5, 5.5]], np.float32)
    flow, visible = np.empty((3, 2), np.float32), np.empty(3, np.uint8)
    correspondence(ids, moved, FACES, SQUARE, reference_near, grid, flow, visible)
    assert np.allclose((flow + 1) * 5, [[4.5, 5.5], [0.5, 0.5], [2.5, 5.5]], atol=1e-5)
    assert visible.tolist() == [255, 255, 0]  # the last is background that the square hid
    correspondence(ids, moved, FACES, SQUARE, reference_near * 2, grid, flow, visible)
    assert visible.tolist() == [0, 255, 0]  # something nearer stands before the square


def test_cards_exist_where_they_are_opaque_and_hide_what_is_behind() -> None:
    both = np.concatenate([SQUARE, SQUARE * np.array([1, 1, 2], np.float32)])
    faces = np.concatenate([FACES, FACES + 4])
    uv = np.zeros((4, 3, 2), np.float32)
    uv[2:] = (SQUARE[FACES][..., :2] - 2) / 6
    alpha = np.zeros((6, 6, 4), np.float32)
    alpha[:, 3:, 3] = 1.0  # the right half
    ids, near = draw(both, faces[:2])
    rasterize_cards(both, faces, uv, 2, alpha, ids, near)
    assert set(np.unique(ids[2:8, 2:4])) == {0, 1}
    assert set(np.unique(ids[2:8, 6:8])) == {2, 3}
    assert (ids[:2] == -1).all()


def test_half_opaque_cards_cover_half_of_the_samples() -> None:
    uv = np.full((2, 3, 2), 0.5, np.float32)
    large = (SQUARE - np.array([2, 2, 0], np.float32)) * np.array([8, 8, 1], np.float32)
    for alpha, share in ((0.5, 0.5), (0.26, 0.25), (1.0, 1.0), (0.05, 0.0)):
        ids, near = np.full((48, 48), -1, np.int32), np.zeros((48, 48), np.float32)
        cards = np.full((2, 2, 4), alpha, np.float32)
        rasterize_cards(large, FACES, uv, 0, cards, ids, near)
        pixels = (ids >= 0).reshape(24, 2, 24, 2).mean((1, 3))
        assert np.abs(pixels[4:10, 4:10] - share).max() < 0.01

"""Subdivision is an average of old vertices that keeps borders and rounds what is inside."""

import numpy as np
import pytest

from flowact.datagen.appearance.worn_mesh import grid_triangles, loop_subdivide


def test_rows_are_weighted_means_and_counts_are_right() -> None:
    faces = grid_triangles(4, 5)
    finer, matrix = loop_subdivide(faces, 20, 2)
    assert len(finer) == 16 * len(faces)
    assert matrix.shape[1] == 20
    assert np.allclose(matrix.sum(1), 1)
    assert finer.max() == matrix.shape[0] - 1


def test_a_plane_stays_a_plane_inside_its_border() -> None:
    rows, columns = np.mgrid[:4, :5]
    points = np.stack([columns.ravel(), rows.ravel(), np.zeros(20)], 1).astype(np.float32)
    _, matrix = loop_subdivide(grid_triangles(4, 5), 20, 2)
    fine = matrix @ points
    assert np.allclose(fine[:, 2], 0)
    assert fine[:, 0].min() >= 0 and fine[:, 0].max() <= 4


def test_unused_vertices_are_dropped() -> None:
    finer, matrix = loop_subdivide(np.array([[5, 6, 7]], np.int32), 9, 1)
    assert matrix.shape == (6, 9)
    assert len(finer) == 4


@pytest.mark.parametrize("closed", [False, True])
def test_a_grid_has_two_triangles_per_cell(closed: bool) -> None:
    faces = grid_triangles(3, 6, closed)
    assert len(faces) == 2 * 2 * (6 if closed else 5)
    assert faces.max() == 17

import numpy as np

from flowact.motion.normals import accumulate_normals


def test_normals_of_a_flat_square_are_its_axis() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    normals = np.zeros_like(corners)
    accumulate_normals(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), normals)
    assert np.allclose(normals, [0, 0, 1])

"""Which vertices of the base mesh the landmarks of `flowact.motion.face_points` are."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.motion.face_points import POINTS

Floats = NDArray[np.floating[Any]]

_LEFT: Final = {
    "eye_corner_inner": 5098, "eye_lid_upper_inner": 5089, "eye_lid_upper": 5033, "eye_lid_upper_outer": 5038,
    "eye_corner_outer": 5053, "eye_lid_lower_outer": 5068, "eye_lid_lower": 5076, "eye_lid_lower_inner": 5082,
    "brow_0": 5231, "brow_1": 5245, "brow_2": 5250, "brow_3": 9367, "brow_4": 8659,
    "lip_peak": 5463, "lip_upper_1": 5418, "lip_upper_2": 5416, "mouth_corner": 5430, "lip_lower_1": 5413,
    "lip_lower_2": 5483, "inner_upper_1": 5474, "inner_upper_2": 5427, "inner_corner": 5438,
    "inner_lower_1": 5513, "inner_lower_2": 5445, "nose_wing": 5328, "nostril": 5302,
    "jaw_0": 9343, "jaw_1": 9314, "jaw_2": 9350, "jaw_3": 5703, "jaw_4": 5865, "jaw_5": 5867, "jaw_6": 5977,
    "cheek_high": 9409, "cheek_low": 9391, "forehead": 5258, "temple": 5288,
}  # fmt: skip
_MIDDLE: Final = {
    "lip_upper": 455, "lip_lower": 492, "inner_upper": 474, "inner_lower": 493, "nose_root": 131,
    "nose_bridge_1": 201, "nose_bridge_2": 294, "nose_tip": 297, "nose_base": 312, "nose_foot": 343,
    "chin_front": 4444, "chin": 732, "forehead": 4425,
}  # fmt: skip
"""Vertices of the archive's numbering, picked by eye on a front view; the right side mirrors the left."""
_PUPIL_RING: Final = 8


def face_point_vertices(humanoid: Humanoid) -> list[NDArray[np.int64]]:
    """For every landmark the vertices whose mean it is: one of the skin, a ring of them for a pupil."""
    return [_vertices(humanoid, name) for name in POINTS]


def face_points(vertices: Floats, rows: list[NDArray[np.int64]]) -> Floats:
    """The landmarks [89, K] of vertices [V, K] by the rows of `face_point_vertices`."""
    return np.stack([vertices[row].mean(0) for row in rows])


def _vertices(humanoid: Humanoid, name: str) -> NDArray[np.int64]:
    stem, _, side = name.rpartition("_")
    if stem == "eye_pupil":
        return _pupil(humanoid, 1 if side == "left" else -1)
    if side == "left":
        return np.array([_LEFT[stem]])
    if side == "right":
        return np.array([_mirrored(humanoid, _LEFT[stem])])
    return np.array([_MIDDLE[name]])


def _mirrored(humanoid: Humanoid, vertex: int) -> int:
    image = humanoid.template[vertex] * np.array([-1, 1, 1], np.float32)
    return int(np.linalg.norm(humanoid.template - image, axis=1).argmin())


def _pupil(humanoid: Humanoid, side: int) -> NDArray[np.int64]:
    eyes = np.flatnonzero(humanoid.part_vertices("eyes") & (side * humanoid.template[:, 0] > 0))
    return np.asarray(eyes[np.argsort(-humanoid.template[eyes, 2])[:_PUPIL_RING]])

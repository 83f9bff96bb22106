"""How near our own landmarks of portraits come to those of a judge that nobody here trained."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact.evaluation.judges.landmarks.face import FaceLandmarker
from flowact.evaluation.photographs import Frame
from flowact.motion.face_points import POINT
from flowact.portrait.eyes import openings, with_seen_eyes
from flowact.portrait.faces import find_faces

Floats = NDArray[np.floating[Any]]

GROUPS: Final[dict[str, dict[str, int]]] = {
    "eye_corners": {
        "eye_corner_outer_left": 263,
        "eye_corner_inner_left": 362,
        "eye_corner_outer_right": 33,
        "eye_corner_inner_right": 133,
    },
    "lids": {
        "eye_lid_upper_left": 386,
        "eye_lid_lower_left": 374,
        "eye_lid_upper_right": 159,
        "eye_lid_lower_right": 145,
    },
    "mouth": {
        "mouth_corner_left": 291,
        "mouth_corner_right": 61,
        "lip_upper": 0,
        "lip_lower": 17,
        "inner_upper": 13,
        "inner_lower": 14,
    },
    "nose": {"nose_tip": 1},
    "chin": {"chin": 152},
}
"""Names of our points and the numbers of MediaPipe's in the same places."""
OUTER: Final = (33, 263)
"""MediaPipe's outer corners of the eyes, whose distance is the unit of errors."""


def compare_landmarks(pictures: Iterable[Frame], judge: FaceLandmarker) -> dict[str, float]:
    """Compare the faces of pictures uint8 `[height, width, 3]`, as far as the judge finds one.

    Returns:
        `photographs`: in which the judge finds a face; `found`: the share in which we do. Mean distances of
        points in % of that between the outer corners of the eyes: `error` of all and `GROUPS`. `mouth_opening`
        and `eyes_opening`: correlation of the gaps between lips and lids over their widths. The same of the eyes
        before they are looked at from near: `eye_corners_at_first`, `lids_at_first`, `eyes_opening_at_first`.
    """
    seen = [(judge.look(picture), picture) for picture in pictures]
    theirs = [(face.points, picture) for face, picture in seen if face is not None]
    faces = [(points, picture, next(iter(find_faces(picture)), None)) for points, picture in theirs]
    found = [(points, face) for points, _, face in faces if face is not None]
    first = [(points, face.points) for points, face in found]
    near = [(p, with_seen_eyes(picture, face.points)) for p, picture, face in faces if face]
    every = {name: number for group in GROUPS.values() for name, number in group.items()}
    return {
        "photographs": len(theirs),
        "found": len(found) / max(len(theirs), 1),
        "error": _error(near, every),
        **{name: _error(near, group) for name, group in GROUPS.items()},
        "mouth_opening": _correlation([(_mouth(p), face.mouth) for p, face in found]),
        "eyes_opening": _correlation(
            [(_eyes(p), float(np.mean(openings(ours)))) for p, ours in near]
        ),
        **{f"{name}_at_first": _error(first, GROUPS[name]) for name in ("eye_corners", "lids")},
        "eyes_opening_at_first": _correlation(
            [(_eyes(p), float(np.mean(openings(o)))) for p, o in first]
        ),
    }


def _error(pairs: Sequence[tuple[Floats, Floats]], group: dict[str, int]) -> float:
    """Mean distance of our points of a group from theirs, in % of that between the outer corners of the eyes."""
    rows = [POINT[name] for name in group]
    errors = [
        np.linalg.norm(ours[rows] - theirs[list(group.values())], axis=1).mean()
        / _distance(theirs, *OUTER)
        for theirs, ours in pairs
    ]
    return float(100 * np.mean(errors))


def _mouth(points: Floats) -> float:
    return _distance(points, 13, 14) / _distance(points, 61, 291)


def _eyes(points: Floats) -> float:
    left = _distance(points, 386, 374) / _distance(points, 263, 362)
    return (left + _distance(points, 159, 145) / _distance(points, 33, 133)) / 2


def _distance(points: Floats, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one] - points[other]))


def _correlation(pairs: list[tuple[float, float]]) -> float:
    return float(np.corrcoef(np.array(pairs).T)[0, 1]) if len(pairs) > 2 else float("nan")

"""How near our own landmarks of portraits come to those of a judge that nobody here trained."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact.evaluation.judges.landmarks.face import FaceLandmarker
from flowact.evaluation.photographs import Frame
from flowact.motion.face_points import POINT
from flowact.portrait.faces import Face, find_faces

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
        and `eyes_opening`: correlation of the gaps between lips and lids over their widths.
    """
    seen = [(judge.look(picture), picture) for picture in pictures]
    theirs = [(face.points, picture) for face, picture in seen if face is not None]
    pairs = [(points, next(iter(find_faces(picture)), None)) for points, picture in theirs]
    found = [(points, face) for points, face in pairs if face is not None]
    errors = {name: [_error(p, f, group) for p, f in found] for name, group in GROUPS.items()}
    every = {name: number for group in GROUPS.values() for name, number in group.items()}
    return {
        "photographs": len(theirs),
        "found": len(found) / max(len(theirs), 1),
        "error": float(np.mean([_error(p, f, every) for p, f in found])),
        **{name: float(np.mean(values)) for name, values in errors.items()},
        "mouth_opening": _correlation([(_mouth(p), f.mouth) for p, f in found]),
        "eyes_opening": _correlation([(_eyes(p), float(np.mean(f.eyes))) for p, f in found]),
    }


def _error(theirs: Floats, ours: Face, group: dict[str, int]) -> float:
    rows = [POINT[name] for name in group]
    apart = np.linalg.norm(ours.points[rows] - theirs[list(group.values())], axis=1)
    return float(100 * apart.mean() / _distance(theirs, *OUTER))


def _mouth(points: Floats) -> float:
    return _distance(points, 13, 14) / _distance(points, 61, 291)


def _eyes(points: Floats) -> float:
    left = _distance(points, 386, 374) / _distance(points, 263, 362)
    return (left + _distance(points, 159, 145) / _distance(points, 33, 133)) / 2


def _distance(points: Floats, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one] - points[other]))


def _correlation(pairs: list[tuple[float, float]]) -> float:
    return float(np.corrcoef(np.array(pairs).T)[0, 1]) if len(pairs) > 2 else float("nan")

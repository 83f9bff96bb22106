"""What the judges of faces see in a video, frame by frame."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.evaluation.judges.landmarks.face import FaceLandmarks
from flowact.evaluation.judges.landmarks.identity import distance
from flowact.evaluation.judges.landmarks.panel import Panel
from flowact.timebase import FACE_BOX

Frame = NDArray[np.uint8]
Curve = NDArray[np.floating[Any]]

LOOK_EVERY: Final = 12
"""Frames between two in which the person is compared with the picture: it takes ten times as long as the rest."""

# Points of the face, by MediaPipe's numbers.
UPPER_LIP, LOWER_LIP = 13, 14
OUTER_CORNERS: Final = (33, 263)
"""Of the eyes."""
RIGHT_EYE: Final = (33, 133)
"""Its corners."""
LIDS: Final = ((159, 145), (386, 374))
"""The middle of the upper and of the lower lid, of both eyes."""
CHEEKS: Final = (117, 118, 346, 347)


@dataclass(frozen=True)
class Sight:
    """A video as it was seen; every curve is `[frames]`, not a number where there is no face.

    Attributes:
        jaw: ARKit's `jawOpen`, 0..1.
        blink: mean of ARKit's `eyeBlinkLeft` and `eyeBlinkRight`, 0..1.
        opening: gap between the lips over the distance of the eyes' outer corners.
        lids: lightness (L* of CIELAB) of the middle of the eyes over that of the cheeks below them.
        identity: distance of dlib's descriptor from the picture's, in every twelfth frame.
        faces: the frames' face boxes, uint8 `[frames, 240, 240, 3]`.
    """

    jaw: Curve
    blink: Curve
    opening: Curve
    lids: Curve
    identity: Curve
    faces: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.jaw)


def watch(frames: Iterable[Frame], picture: Frame, panel: Panel) -> Sight:
    """Look at every frame once.

    Args:
        frames: uint8 `[480, 480, 3]` each.
        picture: of the person, of any size, for identity.
        panel: the judges.
    """
    there = panel.faces.look(picture)
    known = panel.identity.describe(picture, None if there is None else there.points)
    rows, crops = [], []
    for index, frame in enumerate(frames):
        face = panel.faces.look(frame)
        described = None
        if face is not None and known is not None and index % LOOK_EVERY == 0:
            described = panel.identity.describe(frame, face.points)
        away = np.nan if described is None or known is None else distance(described, known)
        rows.append((*_seen(frame, face), away))
        crops.append(face_box(frame))
    jaw, blink, opened, lids, identity = np.array(rows, float).T
    return Sight(jaw, blink, opened, lids, identity, np.stack(crops))


def face_box(frame: Frame) -> Frame:
    """The part of a frame that is coded at full resolution, uint8 `[240, 240, 3]`."""
    x, y, edge = FACE_BOX
    return frame[y : y + edge, x : x + edge].copy()


def _seen(frame: Frame, face: FaceLandmarks | None) -> tuple[float, float, float, float]:
    """Jaw, blink, opening and lids of one frame."""
    if face is None:
        return (np.nan,) * 4
    return (
        face.curves["jawOpen"],
        face.blink,
        opening(face.points),
        lid_lightness(frame, face.points),
    )


def opening(points: Curve) -> float:
    """Gap between the lips over the distance of the eyes' outer corners, of points `[478, 2]`."""
    return _apart(points, UPPER_LIP, LOWER_LIP) / max(_apart(points, *OUTER_CORNERS), 1.0)


def lid_lightness(frame: Frame, points: Curve) -> float:
    """Lightness of the middle of both eyes over that of the cheeks below them, L* of CIELAB.

    Shut lids are as light as the cheeks, near 1; a smear of iris and lashes is darker.

    Args:
        frame: RGB `[height, width, 3]`.
        points: of the face `[478, 2]`, in pixels.
    """
    light = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)[..., 0].astype(float)
    reach = _apart(points, *RIGHT_EYE) / 4
    eyes = [_mean_round(light, points[list(pair)].mean(0), reach) for pair in LIDS]
    rows, columns = (
        np.clip(points[list(CHEEKS), axis].astype(int), 0, light.shape[1 - axis] - 1)
        for axis in (1, 0)
    )
    return float(np.mean(eyes) / max(light[rows, columns].mean(), 1.0))


def _mean_round(light: Curve, centre: Curve, reach: float) -> float:
    """Mean of a square; not a number outside the picture."""
    left, top = np.maximum(centre - reach, 0).astype(int)
    right, bottom = np.maximum(centre + reach + 1, 0).astype(int)
    square = light[top:bottom, left:right]
    return float(square.mean()) if square.size else float("nan")


def _apart(points: Curve, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one] - points[other]))

"""What a person should know about a portrait before it talks: one sentence a flaw, each says what would be better."""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.motion.face_points import POINT
from flowact.portrait.eyes import openings, with_seen_eyes
from flowact.portrait.faces import Face

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

NARROWEST: Final = 28
"""Pixels from temple to temple below which there is nothing to animate."""
NARROW: Final = 90
"""Pixels below which a video is softer than the model's own people, whose faces are 130 wide."""
SIDEWAYS: Final = 50.0
TURNED: Final = 22.0
"""Degrees of yaw from which a face is refused, and from which it moves worse."""
TILTED: Final = 25.0
"""Degrees of pitch from which it does."""
SHUT: Final = 0.19
"""Gap between the lids over the eye's width below which an eye counts as shut; open ones have 0.24 to 0.45."""
OPEN: Final = 0.25
"""Gap between the lips over the mouth's width from which a mouth counts as open."""
DARK: Final = 52
"""Grey level that the lighter tenth of a face must exceed."""
HIDDEN: Final = 0.6
"""Probability from which eyes or mouth count as hidden."""
HAZY: Final = 0.115
"""Haziness from which much of a face is hidden, or the picture is hardly one of a face."""
FILLS: Final = 0.5
"""Width of a face in shorter edges of the picture from which little else is in it; ours have 0.28."""
CUT: Final = 0.03
"""Share of the points beyond the picture's rim from which the face counts as cut off."""

_TEMPLES: Final = (POINT["temple_left"], POINT["temple_right"])


def refuse_unusable(face: Face) -> None:
    """Refuse what cannot work.

    Raises:
        UserError: the face is too small, or looks away.
    """
    if (wide := width(face)) < NARROWEST:
        raise UserError(
            f"The face in this picture is only {wide:.0f} pixels wide; one at least {2 * NARROW} wide is needed."
        )
    if abs(face.pose[0]) > SIDEWAYS:
        raise UserError(
            f"The face in this picture is turned {abs(face.pose[0]):.0f} degrees to the side; one that looks "
            "at the camera is needed."
        )


def notices(picture: U8, faces: Sequence[Face]) -> tuple[str, ...]:
    """Sentences about the first of `faces` as it is in `picture`, the gravest first; none if all is well."""
    face = faces[0]
    found = (
        _several(len(faces)),
        _cut_off(face, picture.shape[1], picture.shape[0]) or _close(face, min(picture.shape[:2])),
        _turned(face),
        _hidden(face),
        _shut(picture, face),
        _open(face),
        _small(face),
        _dark(picture, face),
    )
    return tuple(sentence for sentence in found if sentence)


def width(face: Face) -> float:
    """Pixels from temple to temple, or what they would be from the front."""
    left, right = (face.points[row] for row in _TEMPLES)
    turned = np.cos(np.radians(min(abs(face.pose[0]), 60)))
    return float(np.linalg.norm(left - right) / turned)


def _several(count: int) -> str:
    if count < 2:
        return ""
    return f"{count} faces are in this picture and the largest is taken; a picture of one person would be better."


def _cut_off(face: Face, wide: int, high: int) -> str:
    x, y = face.points.T
    sides = {"left": x < 0, "right": x > wide, "top": y < 0, "bottom": y > high}
    worst = max(sides, key=lambda side: float(sides[side].mean()))
    if sides[worst].mean() < CUT:
        return ""
    return f"The picture cuts the face off at the {worst}; one with room all round the head would be better."


def _close(face: Face, shorter: int) -> str:
    if width(face) < FILLS * shorter:
        return ""
    return "The face fills the picture and what is round it is made up; one with the shoulders on it would be better."


def _turned(face: Face) -> str:
    yaw, pitch, _ = face.pose
    if abs(yaw) > TURNED:
        return f"The face is turned {abs(yaw):.0f} degrees to the side; one that looks at the camera would move better."
    if abs(pitch) > TILTED:
        way = "raised" if pitch > 0 else "bowed"
        return f"The head is {way} by {abs(pitch):.0f} degrees; one that looks at the camera would move better."
    return ""


def _hidden(face: Face) -> str:
    eyes, mouth = face.hidden
    if eyes > HIDDEN:
        return "The eyes cannot be made out; a picture without dark glasses or hair before them would be better."
    if mouth > HIDDEN:
        return "The mouth cannot be made out; a picture with nothing before it would be better."
    if face.haziness > HAZY:
        return "Much of the face cannot be made out; a sharp picture with nothing before the face would be better."
    return ""


def _shut(picture: U8, face: Face) -> str:
    if _hidden(face) or max(openings(with_seen_eyes(picture, face.points))) > SHUT:
        return ""
    return "The eyes are shut; a picture with open eyes would be better."


def _open(face: Face) -> str:
    if face.mouth < OPEN or _hidden(face):
        return ""
    return "The mouth is open; a picture with closed lips would be better."


def _small(face: Face) -> str:
    if (wide := width(face)) >= NARROW:
        return ""
    return f"The face is only {wide:.0f} pixels wide, so the video is soft; {2 * NARROW} or more would be better."


def _dark(picture: U8, face: Face) -> str:
    mask = np.zeros(picture.shape[:2], np.uint8)
    hull = cv2.convexHull(np.round(face.points).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[mask > 0]
    if grey.size == 0 or np.percentile(grey, 90) > DARK:
        return ""
    return "The face is hardly lit; a brighter picture would be better."

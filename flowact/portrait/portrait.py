"""Looking at a portrait, once for each person: from whatever somebody has to the square that the model looks at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.media.image import is_frame, read_picture
from flowact.motion.face_points import STEADY
from flowact.portrait.align import USUAL, cut, frame_of, made_up, moved
from flowact.portrait.faces import GRID, Face, find_drawn_faces, find_faces
from flowact.portrait.notices import notices, refuse_unusable
from flowact.timebase import FRAME_SIZE

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

FACELESS: Final = (
    "No face was found in this picture, so {}; a photograph of a face that looks at the camera "
    "would be better."
)
AWAY: Final = (
    f"A picture of {FRAME_SIZE}x{FRAME_SIZE} pixels is taken as it is, but this face is {{:.0f}} pixels from where the "
    "model expects it; in another size it would be cut to fit."
)
LYING: Final = "The face is not upright in this picture, so the picture was turned."
INVENTED: Final = (
    "{:.0%} of the frame is beyond the rim of this picture and made up; one with more room round "
    "the head would be better."
)
MUCH: Final = 0.12
"""Share of the frame from which that is said."""
OFF: Final = 12.0
"""Mean distance in pixels from the usual places from which a face of a ready-made frame is said to be elsewhere."""


@dataclass(frozen=True)
class Portrait:
    """A picture as the model looks at it, and what is to be known about it.

    Attributes:
        pixels: uint8 `[480, 480, 3]`, RGB, the face where it is in the named portraits.
        face: the largest face, in pixels of the picture that was given (of the turned one if it had to be turned);
            None if none was found.
        points: `[89, 2]`, the landmarks of `motion.face_points.POINTS` in `pixels`; None without a face.
        notices: one sentence for each flaw, the gravest first.
    """

    pixels: U8
    face: Face | None
    points: Floats | None
    notices: tuple[str, ...]


def look_at_portrait(picture: U8) -> Portrait:
    """Find the largest face of a picture uint8 `[H, W, 3]`, level it and put it in its place.

    A picture of 480x480 pixels is a ready-made frame: it is looked at, but taken as it is.

    Raises:
        UserError: the face is too small or looks away, or the network's weights are missing.
    """
    if is_frame(picture):
        return _taken_as_it_is(picture, find_faces(picture))
    upright, faces = _turned_upright(picture)
    if not faces:
        return Portrait(_centre(picture), None, None, (FACELESS.format("its centre is taken"),))
    face = faces[0]
    refuse_unusable(face)
    height, width = upright.shape[:2]
    to_frame = frame_of(face.points, (width, height))
    lying = () if upright is picture else (LYING,)
    said = lying + notices(upright, faces)
    invented = made_up(to_frame, (width, height))
    if invented > MUCH and not any("made up" in sentence for sentence in said):
        said += (INVENTED.format(invented),)
    return Portrait(cut(upright, to_frame), face, moved(face.points, to_frame), said)


def read_portrait(path: str | Path) -> Portrait:
    """Look at the picture in a file; UserError if there is no picture, or none that can be used."""
    return look_at_portrait(read_picture(path))


def _turned_upright(picture: U8) -> tuple[U8, list[Face]]:
    """The picture and its faces; one without upright faces is also tried on its sides and on its head."""
    if faces := find_faces(picture):
        return picture, faces
    turned = [np.ascontiguousarray(np.rot90(picture, quarters)) for quarters in (1, 2, 3)]
    tried = [(other, faces) for other in turned if (faces := find_faces(other, GRID[:1]))]
    if not tried:
        return picture, find_drawn_faces(picture)
    return min(tried, key=lambda pair: pair[1][0].haziness)


def _taken_as_it_is(picture: U8, faces: list[Face]) -> Portrait:
    if not faces:
        return Portrait(picture, None, None, (FACELESS.format("it is taken as it is"),))
    off = np.linalg.norm(faces[0].points[list(STEADY)] - USUAL, axis=1).mean()
    moved_away = (AWAY.format(off),) if off > OFF else ()
    return Portrait(picture, faces[0], faces[0].points, moved_away + notices(picture, faces))


def _centre(picture: U8) -> U8:
    height, width = picture.shape[:2]
    edge = min(height, width)
    left, top = (width - edge) / 2, (height - edge) / 2
    frame = (FRAME_SIZE, FRAME_SIZE)
    box = (left, top, left + edge, top + edge)
    return np.asarray(Image.fromarray(picture).resize(frame, Image.Resampling.LANCZOS, box))

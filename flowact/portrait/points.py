"""The landmarks of frames, for whoever moves or encodes them: nothing is refused, nothing is said."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flowact.motion.face_points import POINTS
from flowact.portrait.eyes import with_seen_eyes
from flowact.portrait.faces import find_face_near, find_faces
from flowact.portrait.mouth_line import with_seen_lips
from flowact.portrait.windows import Square

USUAL_PLACE: Final = Square(240.0, 197.5, 218.0)
"""Window of the landmark network over a face where the named portraits have theirs."""


def reference_points(frames: Tensor) -> Tensor:
    """Landmarks `[batch, 89, 2]` in pixels of references `[batch, 3, 480, 480]` in [-1, 1], not numbers without a face.

    Their eyes are looked at from near, which a mesh that shuts lids needs to be exact.
    """
    return torch.stack([torch.from_numpy(_closer(p, _points(p))) for p in _pictures(frames)])


def frame_points(frames: Tensor) -> Tensor:
    """The same at a glance: for frames that are compared with each other, as encoders do."""
    return torch.stack([torch.from_numpy(_points(picture)) for picture in _pictures(frames)])


def _pictures(frames: Tensor) -> list[NDArray[np.uint8]]:
    levels = ((frames.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return [np.ascontiguousarray(picture) for picture in levels.permute(0, 2, 3, 1).numpy()]


def _points(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    # Most frames are aligned, and the search of all of a picture takes a second.
    face = find_face_near(picture, USUAL_PLACE)
    if face is None:
        face = next(iter(find_faces(picture)), None)
    if face is None:
        return np.full((len(POINTS), 2), np.nan, np.float32)
    return with_seen_lips(picture, np.asarray(face.points, np.float32))


def _closer(picture: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
    return with_seen_eyes(picture, points) if np.isfinite(points).all() else points

"""A closer look at the eyes of a face: their lids and pupils, by the eye network."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from flowact.portrait.eye_network import (
    EYE_ROWS,
    EYE_SIZE,
    EYE_WINDOW,
    INNER,
    LOWER,
    OUTER,
    UPPER,
    EyeNet,
    EyeOutput,
    load_eye_network,
)
from flowact.portrait.windows import PicturePyramid, Square

Points = NDArray[np.floating[Any]]

_PASSES: Final = 2
"""Looks at an eye, each from where the one before has found it, before the last one."""
_SIZES: Final = (0.85, 1.0, 1.15)
"""Of the last look, in windows of the usual size, ..."""
_TURNS: Final = (-5.0, 5.0)
"""... and its turns in degrees."""
_NARROWEST: Final = 6.0
"""Distance in pixels of an eye's corners below which there is nothing to be seen."""
_UNSURE: Final = 0.12
"""Mean deviation of the points, in distances of the corners, from which on there is none to be seen."""


def with_seen_eyes(picture: NDArray[np.uint8], points: Points) -> Points:
    """Landmarks of a face with eyes where the eye network sees them; those that it does not see stay.

    Args:
        picture: RGB uint8 `[height, width, 3]`.
        points: `[89, 2]` in pixels.

    Raises:
        UserError: the weights of the network are missing.
    """
    network, pyramid, seen = load_eye_network(), PicturePyramid(picture), points.copy()
    for side, rows in EYE_ROWS.items():
        found = _looked_at(network, pyramid, points[list(rows)], mirrored=side == "right")
        if found is not None:
            seen[list(rows)] = found
    return seen


def openings(points: Points) -> tuple[float, float]:
    """Gap between the lids over the eye's width, of the person's left and right, for landmarks `[89, 2]`."""
    left, right = (_opening(points[list(rows)]) for rows in EYE_ROWS.values())
    return left, right


def _opening(eye: Points) -> float:
    gap = float(np.linalg.norm(eye[UPPER] - eye[LOWER]))
    return gap / max(_width(eye), 1.0)


def _looked_at(
    network: EyeNet, pyramid: PicturePyramid, eye: Points, mirrored: bool
) -> Points | None:
    """Points `[9, 2]` of an eye that is about there; None where none is seen."""
    if _width(eye) < _NARROWEST:
        return None
    for _ in range(_PASSES):
        places, _ = _look(network, pyramid, [_window(eye, mirrored)], mirrored)
        eye = places[0]
        if _width(eye) < _NARROWEST:
            return None
    squares = [_window(eye, mirrored, size, turn) for size in _SIZES for turn in _TURNS]
    places, deviations = _look(network, pyramid, squares, mirrored)
    eye = places.mean(0)
    return eye if deviations.mean() < _UNSURE * max(_width(eye), _NARROWEST) else None


def _width(eye: Points) -> float:
    """Distance of the corners of points `[9, 2]`."""
    return float(np.linalg.norm(eye[OUTER] - eye[INNER]))


def _window(eye: Points, mirrored: bool, size: float = 1.0, turn: float = 0.0) -> Square:
    """The window about an eye, level with its corners."""
    across = (eye[OUTER] - eye[INNER]) * (-1 if mirrored else 1)
    level = float(np.degrees(np.arctan2(across[1], across[0])))
    x, y = eye.mean(0)
    return Square(float(x), float(y), EYE_WINDOW * _width(eye) * size, level + turn)


@torch.inference_mode()
def _look(
    network: EyeNet, pyramid: PicturePyramid, squares: Sequence[Square], mirrored: bool
) -> tuple[Points, Points]:
    """Points `[N, 9, 2]` and their deviations `[N, 9]` in pixels, as seen in windows."""
    windows = np.stack([pyramid.sample(s.to_picture(EYE_SIZE), EYE_SIZE) for s in squares])
    if mirrored:
        windows = np.ascontiguousarray(windows[:, :, ::-1])
    output: EyeOutput = network(torch.from_numpy(windows).permute(0, 3, 1, 2).float() / 255)
    signs = np.array([-1.0 if mirrored else 1.0, 1.0])
    maps = [square.to_picture(2) for square in squares]
    places = [
        (found * signs + 1) @ to_picture[:, :2].T + to_picture[:, 2]
        for found, to_picture in zip(output.points.numpy(), maps, strict=True)
    ]
    halves = np.array([square.edge / 2 for square in squares])[:, None]
    return np.stack(places), output.log_deviation.exp().numpy() * halves

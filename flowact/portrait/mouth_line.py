"""Where the lips of a bearded face meet.

The landmark network takes the lips under a moustache for as high as others, and the line between them for as low as
the lower lip's edge. What opens then is the beard. The line itself is plain to see: no other step from dark above to
light below is as high as that from the line, or from the moustache, to the lower lip.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.motion.face_points import MOUTH, POINT, POINTS

Points = NDArray[np.floating[Any]]
Curve = NDArray[np.floating[Any]]

_CORNERS: Final = (POINT["mouth_corner_left"], POINT["mouth_corner_right"])
_UPPER, _LOWER, _OUTER_UPPER, _OUTER_LOWER = (
    [row for row, name in enumerate(POINTS) if name.startswith(starts)]
    for starts in (
        ("inner_upper", "inner_corner"),
        ("inner_lower", "inner_corner"),
        ("lip_upper", "lip_peak"),
        "lip_lower",
    )
)
_ACROSS: Final = np.linspace(0.28, 0.72, 25)
"""Columns that are looked at, from corner to corner; all lengths are in distances of the corners."""
_STEP: Final = 0.01
_DOWN: Final = np.arange(-0.4, 0.4, _STEP)
"""Rows, from the line that the network has found."""
_DARK, _LIGHT = 3, 7
"""Rows of the line itself, and of the lip below it."""
_SHUT: Final = 0.1
"""Lips that are less apart are shut: between others there are teeth."""
_OFF: Final = 0.03
"""A line that is no further above was found well enough."""
_SURE: Final = 35.0
"""Of 255, the least step that is a line ..."""
_CLEARER: Final = 2.0
"""... and so many times that at the line of the network."""
_LIP: Final = (0.06, 0.3)
"""Least and greatest height of a lower lip."""


@dataclass(frozen=True)
class _Mouth:
    """The mouth of a face, in coordinates of its own: along its corners, and down.

    Attributes:
        origin: the corner on the left of the picture, in pixels.
        along, down: unit vectors.
        width: distance of the corners in pixels.
        line: of the lips' middle, how far down it is at `_ACROSS`.
        gap: how far apart the lips are.
        upper, lower: how far from their middle the lips end above and below.
    """

    origin: Points
    along: Points
    down: Points
    width: float
    line: Curve
    gap: float
    upper: float
    lower: float

    @classmethod
    def of(cls, points: Points) -> "_Mouth":
        """The mouth of landmarks `[89, 2]`."""
        left, right = sorted((points[row] for row in _CORNERS), key=lambda corner: corner[0])
        width = max(float(np.linalg.norm(right - left)), 1.0)
        along = (right - left) / width
        down = np.array([-along[1], along[0]])

        def edge(rows: list[int]) -> Curve:
            places = (points[rows] - left) @ np.stack([along, down], 1) / width
            order = places[:, 0].argsort()
            return np.interp(_ACROSS, places[order, 0], places[order, 1])

        above, below = edge(_UPPER), edge(_LOWER)
        line = (above + below) / 2
        upper, lower = (float((edge(r) - line).mean()) for r in (_OUTER_UPPER, _OUTER_LOWER))
        gap = float((below - above).mean())
        return cls(left, along, down, width, line, gap, upper, lower)

    def lightness(self, picture: NDArray[np.uint8]) -> Curve:
        """Of an RGB picture, the mean over the middle of the mouth, at `_DOWN` from the line."""
        places = (
            self.origin
            + self.width * _ACROSS[None, :, None] * self.along
            + self.width * (self.line[None, :, None] + _DOWN[:, None, None]) * self.down
        ).astype(np.float32)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[..., 0]
        x, y = (np.ascontiguousarray(places[..., axis]) for axis in (0, 1))
        seen = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        rows: Curve = seen.astype(float).mean(1)
        return rows


def with_seen_lips(picture: NDArray[np.uint8], points: Points) -> Points:
    """Landmarks of a face with a mouth that is no lower than where lips are seen to meet; else the same ones.

    Args:
        picture: RGB uint8 `[height, width, 3]`.
        points: `[89, 2]` in pixels.
    """
    mouth = _Mouth.of(points)
    if mouth.gap > _SHUT:
        return points
    light = mouth.lightness(picture)
    steps = _steps(light)
    here = steps[np.abs(_DOWN) < _OFF].max()
    between = (mouth.upper < _DOWN) & (_DOWN < -_OFF)
    line = int(np.where(between, steps, 0.0).argmax())
    if steps[line] < max(_SURE, _CLEARER * here):
        return points
    line += int(light[line - _DARK : line + 1].argmin()) - _DARK
    away = float(_DOWN[line])
    return _moved(points, mouth, away, _lower_lip(light, line))


def _steps(light: Curve) -> Curve:
    """By how much the rows below each one are lighter than the darkest of it and those just above."""
    steps = np.zeros_like(light)
    for row in range(_DARK, len(light) - _LIGHT):
        steps[row] = light[row + 1 : row + 1 + _LIGHT].mean() - light[row - _DARK : row + 1].min()
    return steps


def _lower_lip(light: Curve, line: int) -> float:
    """How far below the line the lower lip ends: where it grows dark most quickly."""
    falls = light[:-2] - light[2:]
    first, last = (line + round(height / _STEP) for height in _LIP)
    return _LIP[0] + _STEP * (int(falls[first:last].argmax()) + 1)


def _moved(points: Points, mouth: _Mouth, away: float, lip: float) -> Points:
    """Landmarks with all of the mouth so far down, and a lower lip no higher than so much."""
    moved = points.copy()
    moved[list(MOUTH)] += (away * mouth.width * mouth.down).astype(points.dtype)
    excess = max(mouth.lower - lip, 0.0) / mouth.lower if mouth.lower > 0 else 0.0
    below = (moved[_OUTER_LOWER] - mouth.origin) @ mouth.down - (
        mouth.line.mean() + away
    ) * mouth.width
    moved[_OUTER_LOWER] -= (excess * np.maximum(below, 0.0))[:, None] * mouth.down
    return moved

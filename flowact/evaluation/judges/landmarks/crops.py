"""Turned rectangles cut out of a picture, and the way back from their points to the picture's."""

import math
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CropRegion:
    """A rectangle of a picture, all in pixels; `angle` in radians turns it clockwise as it is seen.

    Attributes:
        x, y: centre.
        width, height: along its own axes.
        angle: 0 is upright.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0

    @classmethod
    def whole(cls, picture: Frame) -> Self:
        """The smallest upright square round a picture `[height, width, 3]`."""
        height, width = picture.shape[:2]
        edge = max(height, width)
        return cls(width / 2, height / 2, edge, edge)

    def grown(self, factor: float, up: float = 0.0) -> "CropRegion":
        """A square of the longer side times `factor`, moved by `up` of the height along its own axis."""
        shift, edge = up * self.height, factor * max(self.width, self.height)
        x = self.x + shift * math.sin(self.angle)
        y = self.y - shift * math.cos(self.angle)
        return CropRegion(x, y, edge, edge, self.angle)

    def place(self, points: Floats) -> Floats:
        """Points `[..., 2]` in 0..1 of the rectangle as pixels of the picture."""
        return (points - 0.5) @ self._axes() + (self.x, self.y)

    def cut(self, picture: Frame, edge: int, outside: int) -> Floats:
        """The rectangle scaled to `[edge, edge, 3]` in 0..1.

        Args:
            picture: RGB, `[height, width, 3]`.
            edge: of the result, in pixels.
            outside: what lies beyond the picture, `cv2.BORDER_CONSTANT` or `cv2.BORDER_REPLICATE`.
        """
        across, down = self._axes() / edge
        corner = np.asarray((self.x, self.y)) - edge / 2 * (across + down)
        matrix = np.stack([across, down, corner], 1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(picture, matrix, (edge, edge), flags=flags, borderMode=outside)
        return np.asarray(cut, np.float32) / 255

    def _axes(self) -> Floats:
        """From the left to the right side, and from the top to the bottom, `[2, 2]`."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return np.array([[self.width * c, self.width * s], [-self.height * s, self.height * c]])


def turn(start: Floats, end: Floats, upright: float) -> float:
    """Angle of a region in which the way from `start` to `end` points to `upright`.

    Args:
        start: x, y in pixels.
        end: the same.
        upright: radians, anticlockwise from the picture's right, as MediaPipe counts `target_angle`.
    """
    x, y = end - start
    angle = upright - math.atan2(-y, x)
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))

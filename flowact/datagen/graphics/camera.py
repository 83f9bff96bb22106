"""The portrait camera: a pinhole that looks along -Z at the face."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in decimetres (X to the person's left, Y up, Z towards the camera).

    eye: position; scale: pixels per unit of x / depth; centre: the pixel of the optical axis;
    size: picture edge in pixels; roll: radians by which the picture turns clockwise about `centre`.
    """

    eye: tuple[float, float, float]
    scale: float
    centre: tuple[float, float]
    size: int = 480
    roll: float = 0.0

    @staticmethod
    def framing(
        point: tuple[float, float, float],
        pixel: tuple[float, float],
        pixels_per_dm: float,
        distance: float,
        roll: float = 0.0,
    ) -> "Camera":
        """A camera `distance` dm in front of `point`, which it shows at `pixel`."""
        x, y, z = point
        return Camera((x, y, z + distance), pixels_per_dm * distance, pixel, roll=roll)

    def project(self, vertices: Floats, supersampling: int = 1) -> Floats:
        """Project vertices [V, 3] to [V, 3]: x, y in samples (y down) and inverse depth."""
        relative = vertices - np.asarray(self.eye, np.float32)
        inverse = 1.0 / np.maximum(-relative[:, 2], 1e-3)
        screen = np.empty_like(vertices)
        x, y = self.scale * relative[:, 0] * inverse, -self.scale * relative[:, 1] * inverse
        if self.roll:
            cos, sin = np.float32(np.cos(self.roll)), np.float32(np.sin(self.roll))
            x, y = cos * x - sin * y, sin * x + cos * y
        screen[:, 0] = (self.centre[0] + x) * supersampling
        screen[:, 1] = (self.centre[1] + y) * supersampling
        screen[:, 2] = inverse
        return screen

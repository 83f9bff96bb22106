"""Square windows cut out of a picture at any scale and turn."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Square:
    """A square in a picture: centre (x, y) and edge in pixels, turned clockwise by `turn` degrees."""

    x: float
    y: float
    edge: float
    turn: float = 0.0

    def to_picture(self, size: int) -> Floats:
        """The affine map [2, 3] from pixels of this square, drawn `size` pixels large, to pixels of the picture."""
        scale, angle = self.edge / size, np.radians(self.turn)
        turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = np.array([self.x, self.y]) - turned @ np.full(2, size / 2)
        return np.concatenate([turned, centre[:, None]], 1)


class PicturePyramid:
    """A picture uint8 [H, W, 3] at its own size and at halves of it, so that nothing is sampled too sparsely."""

    def __init__(self, picture: U8) -> None:
        self.levels = [picture]
        while min(self.levels[-1].shape[:2]) >= 64:
            height, width = self.levels[-1].shape[:2]
            half = (width // 2, height // 2)
            self.levels.append(
                np.asarray(cv2.resize(self.levels[-1], half, interpolation=cv2.INTER_AREA))
            )

    def sample(self, to_picture: Floats, size: int, border: int = cv2.BORDER_CONSTANT) -> U8:
        """Draw [size, size, 3] by the map [2, 3] from its pixels to those of the picture; black beyond the rim."""
        step = float(np.sqrt(abs(np.linalg.det(to_picture[:, :2]))))
        level = int(np.clip(np.floor(np.log2(max(step, 1e-6)) + 0.3), 0, len(self.levels) - 1))
        source = self.levels[level]
        shrink = np.array(source.shape[1::-1]) / np.array(self.levels[0].shape[1::-1])
        matrix = to_picture * shrink[:, None]
        # OpenCV counts from the middle of the first pixel, we from its corner.
        matrix[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        drawn = cv2.warpAffine(source, matrix, (size, size), flags=flags, borderMode=border)
        return np.asarray(drawn)

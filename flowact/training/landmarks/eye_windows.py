"""Training windows of the eye network: one eye of a close head shot, about where the landmark network puts it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.head_shots import HeadShots
from flowact.motion.face_points import POINT
from flowact.portrait.eye_network import EYE_ROWS, EYE_SIZE, EYE_WINDOW
from flowact.training.landmarks.backgrounds import Backgrounds
from flowact.training.landmarks.degrade import degrade
from flowact.training.landmarks.occluders import wear_glasses

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

_SHIFT: Final = 0.07
"""Deviation of a window's place in windows, ..."""
_STRETCH: Final = 0.28
"""... the most that the logarithm of its size is off, ..."""
_TURN: Final = 7.0
"""... and the deviation of its turn in degrees."""
_NARROWEST: Final = 14.0
"""Distance in pixels of an eye's corners in a head shot, below which the nose hides it or it is seen from the side."""
_GLASSES: Final = 0.2
"""Share of eyes behind glasses, ..."""
_CLEAR: Final = 0.35
"""... and of windows that no camera has made worse: references are good pictures."""


class EyeWindow(NamedTuple):
    """One sample: picture uint8 [64, 64, 3], points [9, 2] in [-1, 1] over it."""

    picture: U8
    points: Floats


@dataclass(frozen=True)
class Eyes:
    """The close head shots of a split, one file a person, and what may stand behind them."""

    shots: Sequence[HeadShots]
    backgrounds: Backgrounds

    @classmethod
    def load(cls, paths: Sequence[Path], backgrounds: Backgrounds) -> "Eyes":
        """Read the files of `head_shots.shoot_people`."""
        return cls([HeadShots.load(path) for path in paths], backgrounds)

    def window(self, rng: np.random.Generator) -> EyeWindow:
        """A random eye that is seen."""
        while True:
            shots = self.shots[rng.integers(len(self.shots))]
            row = int(rng.integers(len(shots.mouth)))
            side = ("left", "right")[rng.integers(2)]
            width, turn = _corners(shots.points[row], side)
            if width >= _NARROWEST:
                return self._seen(shots, row, side, (width, turn), rng)

    def _seen(
        self,
        shots: HeadShots,
        row: int,
        side: str,
        corners: tuple[float, float],
        rng: np.random.Generator,
    ) -> EyeWindow:
        head, points = shots.pictures[row], shots.points[row]
        if rng.random() < _GLASSES:
            colour = np.ascontiguousarray(head[..., :3])
            wear_glasses(colour, points, rng)
            head = np.concatenate([colour, head[..., 3:]], 2)
        eye = points[list(EYE_ROWS[side])]
        matrix = _nearby(eye, *corners, rng)
        picture = self._lay_over(head, matrix, rng)
        placed = eye @ matrix[:, :2].T + matrix[:, 2]
        if side == "right":
            picture = np.ascontiguousarray(picture[:, ::-1])
            placed[:, 0] = EYE_SIZE - placed[:, 0]
        if rng.random() > _CLEAR:
            picture = degrade(picture, rng)
        return EyeWindow(picture, placed / (EYE_SIZE / 2) - 1)

    def _lay_over(self, head: U8, matrix: Floats, rng: np.random.Generator) -> U8:
        size = (EYE_SIZE, EYE_SIZE)
        layer = cv2.warpAffine(
            head, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        clear = 1 - layer[..., 3:] / np.float32(255)
        return np.asarray(layer[..., :3] + clear * self.backgrounds.draw(rng), np.uint8)


def _corners(points: Floats, side: str) -> tuple[float, float]:
    """Distance in pixels of the corners of an eye of points [89, 2], and the turn of the line through them, degrees."""
    outer, inner = (points[POINT[f"eye_corner_{end}_{side}"]] for end in ("outer", "inner"))
    across = (outer - inner) * (1 if side == "left" else -1)
    return float(np.linalg.norm(across)), float(np.degrees(np.arctan2(across[1], across[0])))


def _nearby(eye: Floats, width: float, turn: float, rng: np.random.Generator) -> Floats:
    """The map [2, 3] from the head shot to a window about an eye, as far off as a finder may be."""
    stretch = float(np.exp(rng.uniform(-_STRETCH, _STRETCH)))
    scale = EYE_SIZE / (EYE_WINDOW * width * stretch)
    angle = np.radians(rng.normal(0, _TURN) - turn)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = EYE_SIZE * (0.5 + rng.normal(0, _SHIFT, 2))
    return np.concatenate([rotation, (middle - rotation @ eye.mean(0))[:, None]], 1)

"""Training windows: head shots seen roughly where a finder says that a face is, and windows without a face."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.head_shots import HeadShots
from flowact.motion.face_points import EYES, MIRROR, MOUTH
from flowact.portrait.network import INPUT_SIZE, WINDOW
from flowact.training.landmarks.backgrounds import Backgrounds
from flowact.training.landmarks.degrade import degrade
from flowact.training.landmarks.occluders import hide_parts, wear_glasses

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

FACELESS: Final = 0.22
"""Share of the windows without a face."""
SHIFT, STRETCH = 0.16, 0.32
"""How far a window is off: in windows, and as the logarithm of its size; a finder is no worse, a second pass better."""


class Window(NamedTuple):
    """One sample: picture uint8 [112, 112, 3], points [89, 2] in [-1, 1], pose [3], eyes [2], mouth.

    hidden: 1 where the eyes, or the mouth, are behind something, [2]; face: 1 if there is one, else 0.
    """

    picture: U8
    points: Floats
    pose: Floats
    eyes: Floats
    mouth: float
    hidden: Floats
    face: float


@dataclass(frozen=True)
class People:
    """The head shots of a split, one file a person, and what may stand behind them."""

    shots: Sequence[HeadShots]
    backgrounds: Backgrounds

    @classmethod
    def load(cls, paths: Sequence[Path], backgrounds: Backgrounds) -> "People":
        """Read the files of `head_shots.shoot_people`."""
        return cls([HeadShots.load(path) for path in paths], backgrounds)

    def window(self, rng: np.random.Generator) -> Window:
        """A random sample."""
        shots = self.shots[rng.integers(len(self.shots))]
        row = int(rng.integers(len(shots.mouth)))
        faceless = rng.random() < FACELESS
        if faceless and rng.random() < 0.6:
            return _empty(degrade(np.ascontiguousarray(self.backgrounds.draw(rng)), rng))
        return self._with_head(shots, row, faceless, rng)

    def _with_head(
        self, shots: HeadShots, row: int, faceless: bool, rng: np.random.Generator
    ) -> Window:
        head, points = shots.pictures[row], shots.points[row]
        hidden = np.zeros(2, np.float32)
        if rng.random() < 0.22:
            colour = np.ascontiguousarray(head[..., :3])
            hidden[0] = wear_glasses(colour, points, rng)
            head = np.concatenate([colour, head[..., 3:]], 2)
        matrix = _far_off(points, rng) if faceless else _nearby(points, rng)
        pose, eyes = shots.pose[row].copy(), shots.eyes[row]
        pose[2] += np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
        picture = self._lay_over(head, matrix, rng)
        placed = points @ matrix[:, :2].T + matrix[:, 2]
        if rng.random() < 0.5:
            picture, placed = np.ascontiguousarray(picture[:, ::-1]), _mirrored(placed)
            pose, eyes = pose * np.array([-1, 1, -1], np.float32), eyes[::-1]
        if not faceless and rng.random() < 0.25:
            covered = hide_parts(picture, self.backgrounds.draw(rng), rng)
            hidden = np.maximum(hidden, _covered_parts(covered, placed))
        if rng.random() < 0.22:
            _cut_off(picture, rng)
        picture = degrade(picture, rng)
        if faceless:
            return _empty(picture)
        unit = placed / (INPUT_SIZE / 2) - 1
        return Window(picture, unit, pose, eyes, float(shots.mouth[row]), hidden, 1.0)

    def _lay_over(self, head: U8, matrix: Floats, rng: np.random.Generator) -> U8:
        size = (INPUT_SIZE, INPUT_SIZE)
        layer = cv2.warpAffine(
            head, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        colour = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.06, 3)).astype(np.float32)
        clear = 1 - layer[..., 3:] / np.float32(255)
        result = layer[..., :3] * colour + clear * self.backgrounds.draw(rng)
        return np.asarray(np.clip(result, 0, 255), np.uint8)


def face_circle(points: Floats) -> tuple[Floats, float]:
    """Centre [2] and radius of points [89, 2]: their mean and their root mean square distance from it."""
    centre = points.mean(0)
    return centre, float(np.sqrt(((points - centre) ** 2).sum(1).mean()))


def _nearby(points: Floats, rng: np.random.Generator) -> Floats:
    """The window of a finder or of a second pass."""
    close = rng.random() < 0.45
    shift = rng.normal(0, SHIFT / 2, 2).clip(-SHIFT, SHIFT) * (0.35 if close else 1.0)
    stretch = rng.uniform(-STRETCH, STRETCH) * (0.35 if close else 1.0)
    turn = rng.normal(0, 8) if rng.random() < 0.8 else rng.uniform(-45, 45)
    return _window_matrix(points, shift, float(np.exp(stretch)), float(turn))


def _far_off(points: Floats, rng: np.random.Generator) -> Floats:
    """A window that misses the face: beside it, far too small or large, or with the face on its side or its head."""
    kind = rng.random()
    if kind < 0.3:
        shift = rng.normal(0, SHIFT / 2, 2)
        return _window_matrix(
            points, shift, float(np.exp(rng.normal(0, 0.2))), rng.uniform(80, 280)
        )
    if kind < 0.8:
        angle = rng.uniform(0, 2 * np.pi)
        shift = rng.uniform(0.55, 0.9) * np.array([np.cos(angle), np.sin(angle)])
        return _window_matrix(points, shift, float(np.exp(rng.uniform(-0.5, 0.3))), 0.0)
    stretch = 0.22 if rng.random() < 0.5 else 4.0
    return _window_matrix(points, rng.uniform(-0.3, 0.3, 2), stretch, 0.0)


def _window_matrix(points: Floats, shift: Floats, stretch: float, turn: float) -> Floats:
    """The affine map [2, 3] from the head shot to a window off by `shift` windows, `stretch` times as large, turned."""
    centre, radius = face_circle(points)
    scale = INPUT_SIZE / (WINDOW * radius * stretch)
    angle = np.radians(turn)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = INPUT_SIZE * (0.5 + shift)
    return np.concatenate([rotation, (middle - rotation @ centre)[:, None]], 1)


def _covered_parts(covered: NDArray[np.bool_], points: Floats) -> Floats:
    """1 where most of the points of the eyes, or of the mouth, are covered [S, S], else 0."""
    x, y = points.astype(int).clip(0, len(covered) - 1).T
    return np.array([covered[y, x][list(rows)].mean() > 0.5 for rows in (EYES, MOUTH)], np.float32)


def _mirrored(points: Floats) -> Floats:
    flipped = points[list(MIRROR)].copy()
    flipped[:, 0] = INPUT_SIZE - flipped[:, 0]
    return flipped


def _cut_off(picture: U8, rng: np.random.Generator) -> None:
    """The photograph ends inside the window: what lies beyond is one colour or goes on as a mirror does."""
    depth = int(INPUT_SIZE * rng.uniform(0.03, 0.3))
    turned = np.rot90(picture, int(rng.integers(4)))  # a view: the cut is made in `picture`
    if rng.random() < 0.5:
        turned[:depth] = turned[depth : 2 * depth][::-1].copy()
    else:
        turned[:depth] = rng.choice([0, 255, int(rng.integers(256))])


def _empty(picture: U8) -> Window:
    zeros = np.zeros((len(MIRROR), 2), np.float32)
    none = np.zeros(2, np.float32)
    return Window(picture, zeros, np.zeros(3, np.float32), none, 0.0, none, 0.0)

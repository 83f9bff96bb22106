"""Glasses of our own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.character import RGB, vary
from flowact.datagen.appearance.worn_mesh import grid_triangles
from flowact.datagen.photographic.worn.cards import Card
from flowact.datagen.photographic.worn.stiff import TEXELS, Mesh, held, joined, plain

Floats = NDArray[np.floating[Any]]
_EYE = (0.31, 7.26)  # x, y of an eye on the base mesh, dm


@dataclass(frozen=True)
class Glasses:
    """A frame and two lenses.

    width, height: of a lens in dm; corners: 2 is an ellipse, more is squarer; rim: thickness in dm;
    colour: linear RGB; tint: opacity of the lenses, from reflections to sunglasses.
    """

    width: float
    height: float
    corners: float
    rim: float
    colour: RGB
    tint: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Glasses":
        """Any frame; few are sunglasses, for the eyes are what is to be learnt."""
        metal = rng.random() < 0.4
        dark = (0.02, 0.02, 0.02) if rng.random() < 0.6 else tuple(rng.uniform(0.02, 0.4, 3))
        return cls(
            float(rng.uniform(0.44, 0.56)),
            float(rng.uniform(0.30, 0.46)),
            float(rng.uniform(2.0, 4.5)),
            float(rng.uniform(0.008, 0.014) if metal else rng.uniform(0.018, 0.035)),
            (0.45, 0.40, 0.30) if metal and rng.random() < 0.5 else vary(dark, 0.2, rng),
            float(rng.uniform(0.75, 0.95) if rng.random() < 0.08 else rng.uniform(0.0, 0.3)),
        )

    def _glass(self) -> Floats:
        lens = plain((0.02, 0.02, 0.02) if self.tint > 0.5 else (0.75, 0.8, 0.85), self.tint)
        if self.tint <= 0.5:  # a reflection across one part of the glass
            x, y = np.meshgrid(np.linspace(-1, 1, TEXELS), np.linspace(-1, 1, TEXELS))
            lens[..., 3] *= np.exp(-(((x + 0.5 * y - 0.2) / 0.3) ** 2)) + 0.2
        return lens

    def cards(self, humanoid: Humanoid) -> list[Card]:
        """Rims, bridge and temples, and the glass."""
        outlines = [self._outline(side) for side in (1, -1)]
        paths = [(o, True) for o in outlines]
        bridge = np.array(
            [[x, 7.30 + 0.03 * (1 - (x / 0.09) ** 2), 1.64] for x in (-0.09, 0, 0.09)]
        )
        paths.append((bridge, False))
        for side in (1, -1):
            hinge = _EYE[0] + self.width / 2
            points = (
                (hinge, 7.34, 1.56),
                (0.80, 7.34, 1.15),
                (0.86, 7.36, 0.55),
                (0.87, 7.22, 0.3),
            )
            paths.append((np.array(points) * (side, 1, 1), False))
        tubes = joined([_tube(path, self.rim, closed) for path, closed in paths])
        discs = joined([_disc(o) for o in outlines])
        return [
            (plain(self.colour, 1.0), held(humanoid, *tubes, gloss=1.2)),
            (self._glass(), held(humanoid, *discs, gloss=2.0, cut_out=True)),
        ]

    def _outline(self, side: int) -> Floats:
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        power = 2 / self.corners
        x = 0.5 * self.width * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        y = 0.5 * self.height * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        x = x + _EYE[0]
        return np.stack([side * x, y + _EYE[1], 1.66 - 0.16 * x**2 - 0.05 * y], 1)


def _tube(path: Floats, radius: float, closed: bool) -> Mesh:
    """A round bar along a path [P, 3]."""
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    first = np.cross(ahead, (0.13, 0.27, 0.95))
    first = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(ahead, first)
    turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)[:, None]
    ring = np.cos(turn)[None] * first[:, None] + np.sin(turn)[None] * second[:, None]
    points = path[:, None] + radius * ring
    if closed:
        points = np.concatenate([points, points[:1]])
    flat = points.reshape(-1, 3)
    return flat, grid_triangles(len(points), 6, closed=True), np.full((len(flat), 2), 0.5)


def _disc(outline: Floats) -> Mesh:
    """The surface inside an outline [P, 3]."""
    count = len(outline)
    middle = outline.mean(0)
    points = np.concatenate([outline, middle[None]])
    around = np.arange(count)
    faces = np.stack([around, (around + 1) % count, np.full(count, count)], 1)
    uv = 0.5 + 0.49 * (points - middle)[:, :2] / np.abs(outline - middle).max(0)[:2]
    return points, faces.astype(np.int32), uv
